// vivace.ForSamples: inputs and outputs are batches, [N,...]. The body runs on each `samples` (1) of them in turn, as a
// batch of its own; what it gives is put together again. N is a multiple of `samples`.
#include "ops/samples.h"

#include <algorithm>
#include <cstring>

#include "ops/control.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

// Elements of whole bytes can be told apart by their addresses.
bool can_be_cut(DType type) { return type != DType::undefined && !are_objects(type) && bits_of(type) % 8 == 0; }

}  // namespace

int64_t samples_of_turn(const ir::Node& node) { return node.attributes.integer("samples", 1); }

TensorView samples_of(const TensorView& whole, int64_t begin, int64_t count) {
  TensorView part = whole;
  part.shape[0] = count;
  const int64_t inner = elements(std::span(whole.shape).subspan(1));
  if (whole.data) part.data = static_cast<std::byte*>(whole.data) + byte_size(whole.type, begin * inner);
  return part;
}

Status infer_for_samples(Inference& in) {
  const int64_t samples = samples_of_turn(in.node);
  if (samples < 1) return in.error("it cannot take " + std::to_string(samples) + " samples at a time");
  VIVACE_ASSIGN(const ir::Graph* body, subgraph_of(in, "body", in.node.inputs().size()));
  if (body->outputs().size() != in.output_count())
    return in.error("its body has " + std::to_string(body->outputs().size()) + " outputs, the node " +
                    std::to_string(in.output_count()));
  ir::Dim batch;
  std::vector<Argument> arguments;
  for (size_t i = 0; i < in.node.inputs().size(); ++i) {
    if (!in.has(i)) return in.error("input " + std::to_string(i) + " is missing");
    Argument part = argument(in, i);
    part.known = std::nullopt;
    if (part.type.is_list() || !can_be_cut(part.type.dtype))
      return in.error("it cannot take samples of " + part.type.to_string());
    if (part.type.dims) {
      if (part.type.dims->empty()) return in.error("input " + std::to_string(i) + " is one number, not a batch");
      ir::Dim& size = part.type.dims->front();
      if (clash(batch, size)) return in.error("one batch is of " + batch.to_string() + ", one of " + size.to_string());
      if (!batch.known()) batch = size;
      size = samples;
    }
    arguments.push_back(std::move(part));
  }
  if (batch.known() && batch.value() % samples != 0)
    return in.error("a batch of " + batch.to_string() + " has no whole number of " + std::to_string(samples));
  VIVACE_ASSIGN(std::vector<ir::Type> types, infer_subgraph(in, *body, arguments));
  for (size_t i = 0; i < types.size(); ++i) {
    if (types[i].is_list() || (types[i].known() && !can_be_cut(types[i].dtype)))
      return in.error("its body gives " + types[i].to_string() + ", of which no batch can be made");
    if (types[i].dims) {
      if (types[i].dims->empty() || clash(types[i].dims->front(), samples))
        return in.error("its body gives " + types[i].to_string() + " for " + std::to_string(samples) + " samples");
      types[i].dims->front() = batch;
    }
    in.set(i, std::move(types[i]));
  }
  return {};
}

Status reference_for_samples(Call& call) {
  const int64_t samples = samples_of_turn(call.node);
  if (call.inputs.empty()) return call.error("it has no inputs");
  const int64_t batch = call.input(0).rank() > 0 ? call.input(0).shape[0] : 0;
  for (const TensorView& input : call.inputs)
    if (input.rank() < 1 || input.shape[0] != batch || batch % samples != 0)
      return call.error("its inputs are no batches of one size, a multiple of " + std::to_string(samples));
  for (int64_t begin = 0; begin < batch; begin += samples) {
    std::vector<Tensor> arguments;
    for (const TensorView& input : call.inputs) arguments.push_back(borrowed(samples_of(input, begin, samples)));
    VIVACE_ASSIGN(const std::vector<Tensor> made, call.run_subgraph("body", arguments));
    if (made.size() != call.outputs.size()) return call.error("its body gave another number of outputs");
    for (size_t i = 0; i < made.size(); ++i) {
      Shape shape = made[i].shape();
      if (shape.empty() || shape[0] != samples || !can_be_cut(made[i].type()))
        return call.error("its body gave " + to_string(shape) + " for " + std::to_string(samples) + " samples");
      shape[0] = batch;
      VIVACE_TRY(ensure_output(call, i, made[i].type(), shape));
      const TensorView part = samples_of(call.output(i), begin, samples);
      if (part.data && part.bytes() > 0) std::memcpy(part.data, made[i].data(), part.bytes());
    }
  }
  return {};
}

}  // namespace vivace::ops
