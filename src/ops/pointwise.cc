// vivace.Pointwise: a chain or small graph of elementwise operators as one, its attribute `program` saying what is
// computed for each element of the inputs broadcast together. f16 and bf16 are computed in f32 and rounded once.
#include "ops/pointwise_program.h"
#include "ops/reference.h"

namespace vivace::ops {

namespace {

Result<PointwiseProgram> program_of(const ir::Node& node) {
  Result<PointwiseProgram> program = parse_pointwise(node.attributes.text("program"));
  if (!program.ok())
    return Status(Code::invalid_model, node.describe() + ", attribute 'program': " + program.status().message());
  if (static_cast<size_t>(program->inputs) != node.inputs().size())
    return Status(Code::invalid_model, node.describe() + ": the program has " + std::to_string(program->inputs) +
                                           " inputs, the node " + std::to_string(node.inputs().size()));
  return program;
}

}  // namespace

Status infer_pointwise_program(Inference& in) {
  VIVACE_TRY(program_of(in.node).status());
  for (size_t i = 1; i < in.input_count(); ++i)
    if (!in.has(i) || (in.dtype(i) != in.dtype(0) && in.dtype(i) != DType::undefined))
      return in.error("its inputs must all have one type");
  return infer_broadcast(in);
}

Status reference_pointwise_program(Call& call) {
  return compute_in(call, call.input(0).type, [&]<class W>() -> Status {
    VIVACE_ASSIGN(const PointwiseProgram program, program_of(call.node));
    std::vector<Reader<W>> readers;
    std::vector<Shape> shapes;
    for (const TensorView& input : call.inputs) {
      VIVACE_ASSIGN(auto reader, Reader<W>::of(input));
      readers.push_back(std::move(reader));
      shapes.push_back(input.shape);
    }
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    std::vector<W> elements(readers.size());
    BroadcastWalk walk(call.output().shape, shapes);
    for (int64_t i = 0; i < walk.count(); ++i, walk.advance()) {
      for (size_t k = 0; k < readers.size(); ++k) elements[k] = readers[k][walk.offsets()[k]];
      y.data()[i] = evaluate(program, elements.data());
    }
    return y.store();
  });
}

}  // namespace vivace::ops
