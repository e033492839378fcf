// Recurrent layers, by the ONNX operators RNN, GRU and LSTM: one node for each layer.
#include <algorithm>
#include <span>

#include "ops/reference.h"
#include "tensorrt/layers/layers.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

namespace {

/// In the order of the operator's weights.
std::span<const RNNGateType> gates_of(RNNOperation operation) {
  static constexpr RNNGateType lstm[] = {RNNGateType::kINPUT, RNNGateType::kOUTPUT, RNNGateType::kFORGET,
                                         RNNGateType::kCELL};
  static constexpr RNNGateType gru[] = {RNNGateType::kUPDATE, RNNGateType::kRESET, RNNGateType::kHIDDEN};
  static constexpr RNNGateType plain[] = {RNNGateType::kINPUT};
  if (operation == RNNOperation::kLSTM) return lstm;
  if (operation == RNNOperation::kGRU) return gru;
  return plain;
}

// Copies weights of any float type into f32; false where there are not `count`.
bool copy_weights(const Weights& from, float* to, int64_t count) {
  if (from.count != count || !from.values) return false;
  const TensorView source{to_dtype(from.type), {count}, const_cast<void*>(from.values)};
  return ops::convert(source, TensorView{DType::f32, {count}, to}).ok();
}

}  // namespace

int32_t RNNv2Layer::getDataLength() const noexcept {
  const Dims dims = inputs.empty() || !inputs[0] ? no_dims() : inputs[0]->getDimensions();
  return dims.nbDims > 0 ? static_cast<int32_t>(dims.d[dims.nbDims - 1]) : 0;
}

void RNNv2Layer::set_gate(Gates& gates, int32_t at, RNNGateType gate, bool w, Weights value) {
  if (at < 0 || at >= 2 * layer_count || static_cast<uint32_t>(gate) > 6) return;
  gates.resize(static_cast<size_t>(2 * layer_count) * 14);
  change(gates[gate_index(at, gate, w)], value);
}

Weights RNNv2Layer::get_gate(const Gates& gates, int32_t at, RNNGateType gate, bool w) const {
  if (at < 0 || static_cast<uint32_t>(gate) > 6 || gate_index(at, gate, w) >= gates.size())
    return {DataType::kFLOAT, nullptr, 0};
  return gates[gate_index(at, gate, w)];
}

// Weights of all gates of a layer, directions one after the other.
vivace::Tensor RNNv2Layer::gathered(Build& b, const Gates& gates, int at, bool w, int64_t columns) const {
  const std::span<const RNNGateType> order = gates_of(operation);
  const int64_t rows = static_cast<int64_t>(order.size()) * hidden_size;
  Result<vivace::Tensor> made = vivace::Tensor::allocate(DType::f32, {directions(), rows, columns});
  if (!made.ok()) return b.fail(made.status()), vivace::Tensor();
  float* to = made->as<float>();
  for (int way = 0; way < directions(); ++way) {
    for (const RNNGateType gate : order) {
      const Weights from = get_gate(gates, at * directions() + way, gate, w);
      const int64_t count = hidden_size * columns;
      if (w && at == 0 && input_mode == RNNInputMode::kSKIP && columns == hidden_size) {
        for (int64_t i = 0; i < columns; ++i) to[i * columns + i] = 1;
      } else if (!copy_weights(from, to, count)) {
        b.fail("layer " + std::to_string(at) + ", gate " + std::to_string(static_cast<int>(gate)) + " has " +
               std::to_string(from.count) + (w ? " input" : " recurrent") + " weights, not " + std::to_string(count));
      }
      to += count;
    }
  }
  return std::move(*made);
}

// Biases of the inputs, then those of the hidden state; what is not set is zero.
vivace::Tensor RNNv2Layer::biases(Build& b, int at) const {
  const std::span<const RNNGateType> order = gates_of(operation);
  Result<vivace::Tensor> made =
      vivace::Tensor::allocate(DType::f32, {directions(), 2 * static_cast<int64_t>(order.size()) * hidden_size});
  if (!made.ok()) return b.fail(made.status()), vivace::Tensor();
  float* to = made->as<float>();
  for (int way = 0; way < directions(); ++way) {
    for (const bool w : {true, false}) {
      for (const RNNGateType gate : order) {
        const Weights from = get_gate(gate_biases, at * directions() + way, gate, w);
        if (from.count && !copy_weights(from, to, hidden_size))
          b.fail("a bias has " + std::to_string(from.count) + " elements, not " + std::to_string(hidden_size));
        to += hidden_size;
      }
    }
  }
  return std::move(*made);
}

void RNNv2Layer::emit(Build& b) {
  ir::Value* x = b.in();
  const int rank = b.rank(x);
  if (b.ok() && rank != 2 && rank != 3) b.fail("its input needs dimensions batch (or none), time, data");
  if (!b.ok()) return;
  if (rank == 2) x = b.add("Unsqueeze", {x, b.ints({0})});
  x = b.transpose(x, {1, 0, 2});
  const int ways = directions();
  ir::Value* const lengths = b.has(3) ? b.cast(b.reshape(b.in(3), {-1}), DType::i32) : nullptr;
  ir::Attributes common{{"hidden_size", int64_t{hidden_size}},
                        {"direction", std::string(ways == 2 ? "bidirectional" : "forward")}};
  const char* op = "RNN";
  if (operation == RNNOperation::kLSTM) op = "LSTM";
  if (operation == RNNOperation::kGRU) op = "GRU", common["linear_before_reset"] = int64_t{1};
  if (operation == RNNOperation::kRELU)
    common["activations"] = std::vector<std::string>(static_cast<size_t>(ways), "Relu");
  std::vector<ir::Value*> hidden, cells;
  for (int at = 0; b.ok() && at < layer_count; ++at) {
    const ir::Dims dims = b.dims(x);
    if (!b.ok() || !dims[2].known()) return b.fail("the length of its data must be known");
    const auto state = [&](size_t i) -> ir::Value* {
      if (!b.has(i)) return nullptr;
      ir::Value* whole = b.in(i);
      if (b.rank(whole) == 2) whole = b.add("Unsqueeze", {whole, b.ints({0})});
      return b.transpose(b.add("Slice", {whole, b.ints({at * ways}), b.ints({(at + 1) * ways}), b.ints({1})}),
                         {1, 0, 2});
    };
    std::vector<ir::Value*> from{x,
                                 b.constant(gathered(b, gate_weights, at, true, dims[2].value())),
                                 b.constant(gathered(b, gate_weights, at, false, hidden_size)),
                                 b.constant(biases(b, at)),
                                 lengths,
                                 state(1)};
    if (operation == RNNOperation::kLSTM) from.push_back(state(2));
    b.add(op, std::move(from), common, operation == RNNOperation::kLSTM ? 3 : 2);
    if (!b.ok()) return;
    ir::Value* const y = b.output(0);
    hidden.push_back(b.output(1));
    if (operation == RNNOperation::kLSTM) cells.push_back(b.output(2));
    x = b.reshape(b.transpose(y, {0, 2, 1, 3}), {0, 0, static_cast<int64_t>(ways) * hidden_size});
  }
  const auto batch_first = [&](ir::Value* value) {
    value = b.transpose(value, {1, 0, 2});
    return rank == 2 ? b.add("Squeeze", {value, b.ints({0})}) : value;
  };
  const auto together = [&](const std::vector<ir::Value*>& states) {
    return batch_first(b.add("Concat", states, {{"axis", int64_t{0}}}));
  };
  b.out(batch_first(x), 0);
  b.out(together(hidden), 1);
  if (operation == RNNOperation::kLSTM) b.out(together(cells), 2);
}

}  // namespace vivace::tensorrt
