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

template <class Interface, class Size>
int32_t RecurrentLayer<Interface, Size>::getDataLength() const noexcept {
  const Dims dims = inputs.empty() || !inputs[0] ? no_dims() : inputs[0]->getDimensions();
  return dims.nbDims > 0 ? static_cast<int32_t>(dims.d[dims.nbDims - 1]) : 0;
}

// Weights of all gates of a layer, directions one after the other.
template <class Interface, class Size>
vivace::Tensor RecurrentLayer<Interface, Size>::gathered(Build& b, int layer, bool w, int64_t columns) const {
  const std::span<const RNNGateType> order = gates_of(operation);
  const int64_t rows = static_cast<int64_t>(order.size()) * hidden_size;
  Result<vivace::Tensor> made = vivace::Tensor::allocate(DType::f32, {directions(), rows, columns});
  if (!made.ok()) return b.fail(made.status()), vivace::Tensor();
  float* to = made->template as<float>();
  for (int way = 0; way < directions(); ++way) {
    for (const RNNGateType of : order) {
      const Weights from = gate(layer * directions() + way, of, w, false);
      const int64_t count = hidden_size * columns;
      if (w && layer == 0 && input_mode == RNNInputMode::kSKIP && columns == hidden_size) {
        for (int64_t i = 0; i < columns; ++i) to[i * columns + i] = 1;
      } else if (!copy_weights(from, to, count)) {
        b.fail("layer " + std::to_string(layer) + ", gate " + std::to_string(static_cast<int>(of)) + " has " +
               std::to_string(from.count) + (w ? " input" : " recurrent") + " weights, not " + std::to_string(count));
      }
      to += count;
    }
  }
  return std::move(*made);
}

// Biases of the inputs, then those of the hidden state; what is not set is zero.
template <class Interface, class Size>
vivace::Tensor RecurrentLayer<Interface, Size>::biases(Build& b, int layer) const {
  const std::span<const RNNGateType> order = gates_of(operation);
  Result<vivace::Tensor> made =
      vivace::Tensor::allocate(DType::f32, {directions(), 2 * static_cast<int64_t>(order.size()) * hidden_size});
  if (!made.ok()) return b.fail(made.status()), vivace::Tensor();
  float* to = made->template as<float>();
  for (int way = 0; way < directions(); ++way) {
    for (const bool w : {true, false}) {
      for (const RNNGateType of : order) {
        const Weights from = gate(layer * directions() + way, of, w, true);
        if (from.count && !copy_weights(from, to, hidden_size))
          b.fail("a bias has " + std::to_string(from.count) + " elements, not " + std::to_string(hidden_size));
        to += hidden_size;
      }
    }
  }
  return std::move(*made);
}

template <class Interface, class Size>
typename RecurrentLayer<Interface, Size>::States RecurrentLayer<Interface, Size>::run(Build& b, ir::Value* x,
                                                                                      ir::Value* lengths,
                                                                                      ir::Value* hidden,
                                                                                      ir::Value* cells) const {
  const int ways = directions();
  const bool lstm = operation == RNNOperation::kLSTM;
  ir::Attributes common{{"hidden_size", int64_t{hidden_size}},
                        {"direction", std::string(ways == 2 ? "bidirectional" : "forward")}};
  const char* const op = lstm ? "LSTM" : operation == RNNOperation::kGRU ? "GRU" : "RNN";
  if (operation == RNNOperation::kGRU) common["linear_before_reset"] = int64_t{1};
  if (operation == RNNOperation::kRELU)
    common["activations"] = std::vector<std::string>(static_cast<size_t>(ways), "Relu");
  std::vector<ir::Value*> last_hidden, last_cells;
  for (int layer = 0; b.ok() && layer < layer_count; ++layer) {
    const ir::Dims dims = b.dims(x);
    if (!b.ok() || !dims[2].known()) return b.fail("the length of its data must be known"), States();
    const auto own = [&](ir::Value* whole) {
      return whole ? b.add("Slice", {whole, b.ints({layer * ways}), b.ints({(layer + 1) * ways}), b.ints({0})}) : whole;
    };
    std::vector<ir::Value*> from{x,
                                 b.constant(gathered(b, layer, true, dims[2].value())),
                                 b.constant(gathered(b, layer, false, hidden_size)),
                                 b.constant(biases(b, layer)),
                                 lengths,
                                 own(hidden)};
    if (lstm) from.push_back(own(cells));
    b.add(op, std::move(from), common, lstm ? 3 : 2);
    if (!b.ok()) return {};
    last_hidden.push_back(b.output(1));
    if (lstm) last_cells.push_back(b.output(2));
    // [time, directions, batch, hidden]
    x = b.reshape(b.transpose(b.output(0), {0, 2, 1, 3}), {0, 0, static_cast<int64_t>(ways) * hidden_size});
  }
  const auto together = [&](const std::vector<ir::Value*>& states) {
    return b.add("Concat", states, {{"axis", int64_t{0}}});
  };
  return {x, together(last_hidden), lstm ? together(last_cells) : nullptr};
}

// ---- Gate by gate ----

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

// Dimensions before time and data are batches: none, one, or two, of which the first is an implicit one.
void RNNv2Layer::emit(Build& b) {
  const int rank = b.rank(b.in());
  if (b.ok() && (rank < 2 || rank > 4)) b.fail("its input needs dimensions batch (or none), time, data");
  if (!b.ok()) return;
  int64_t inner = 1;
  const auto sizes = [&](ir::Value* value, std::vector<int64_t> made) {  // the batches given, then the last two
    const ir::Dims dims = b.dims(value);
    if (!b.ok()) return made;
    for (size_t i = dims.size() - 2; i < dims.size(); ++i) made.push_back(dims[i].known() ? dims[i].value() : 0);
    return made;
  };
  const auto one_batch = [&](ir::Value* value) { return rank == 4 ? b.reshape(value, sizes(value, {-1})) : value; };
  if (rank == 4) {
    const ir::Dims dims = b.dims(b.in());
    if (!dims[1].known() || !dims[2].known() || !dims[3].known())
      return b.fail("its dimensions after the batch must be known");
    inner = dims[1].value();
  }
  const auto batch_second = [&](ir::Value* value) {
    value = one_batch(value);
    return b.transpose(b.rank(value) == 2 ? b.add("Unsqueeze", {value, b.ints({0})}) : value, {1, 0, 2});
  };
  const auto batch_first = [&](ir::Value* value) {
    value = b.transpose(value, {1, 0, 2});
    if (rank == 4) return b.reshape(value, sizes(value, {-1, inner}));
    return rank == 2 ? b.add("Squeeze", {value, b.ints({0})}) : value;
  };
  const auto state = [&](size_t i) { return b.has(i) ? batch_second(b.in(i)) : nullptr; };
  ir::Value* const lengths = b.has(3) ? b.cast(b.reshape(b.in(3), {-1}), DType::i32) : nullptr;
  const States made = run(b, batch_second(b.in()), lengths, state(1), state(2));
  b.out(batch_first(made.y), 0);
  b.out(batch_first(made.hidden), 1);
  if (made.cells) b.out(batch_first(made.cells), 2);
}

// ---- As a whole ----

// Gates of the input, then of the hidden state, for each layer and direction.
Weights RNNLayer::gate(int at, RNNGateType of, bool w, bool of_bias) const {
  static constexpr RNNGateType lstm[] = {RNNGateType::kFORGET, RNNGateType::kINPUT, RNNGateType::kCELL,
                                         RNNGateType::kOUTPUT};
  const std::span<const RNNGateType> order = operation == RNNOperation::kLSTM ? lstm : gates_of(operation);
  const auto gates = static_cast<int64_t>(order.size());
  const int64_t place = std::find(order.begin(), order.end(), of) - order.begin();
  const int64_t hidden = hidden_size, ways = directions();
  const auto elements = [&](int64_t layer, bool input) -> int64_t {
    if (of_bias) return hidden;
    if (!input) return hidden * hidden;
    if (layer >= ways) return hidden * ways * hidden;
    return input_mode == RNNInputMode::kSKIP ? 0 : hidden * getDataLength();
  };
  int64_t start = 0;
  for (int layer = 0; layer < at; ++layer) start += gates * (elements(layer, true) + elements(layer, false));
  if (!w) start += gates * elements(at, true);
  const int64_t count = elements(at, w);
  start += place * count;
  const Weights& all = of_bias ? bias : weights;
  const DType type = to_dtype(all.type);
  if (!all.values || start + count > all.count) return {all.type, nullptr, 0};
  return {all.type, static_cast<const char*>(all.values) + byte_size(type, start), count};
}

// The client's batch is the third dimension from the first, after one of 1; an implicit batch stands in the latter.
void RNNLayer::emit(Build& b) {
  ir::Value* const whole = b.in();
  const ir::Dims dims = b.dims(whole);
  if (b.ok() && dims.size() != 4) b.fail("its input needs dimensions 1, time, batch, data");
  if (b.ok() && !dims[2].known()) b.fail("the size of its batch must be known");
  if (!b.ok()) return;
  const int64_t batch = dims[2].value();
  const auto merged = [&](ir::Value* value, int64_t last) {  // [outer, n, batch, x] as [n, outer * batch, x]
    return b.reshape(b.transpose(value, {1, 0, 2, 3}), {0, -1, last});
  };
  const auto state = [&](size_t i) -> ir::Value* {
    if (!b.has(i)) return nullptr;
    return b.batch() ? merged(b.in(i), hidden_size) : b.in(i);
  };
  if (!dims[3].known()) return b.fail("the length of its data must be known");
  const States made = run(b, merged(whole, dims[3].value()), nullptr, state(1), state(2));
  const auto apart = [&](ir::Value* value) {
    if (!b.batch()) return value;
    const int64_t last = (*value->type.dims)[2].value();
    return b.transpose(b.reshape(value, {0, -1, batch, last}), {1, 0, 2, 3});
  };
  if (!b.ok()) return;
  b.out(apart(made.y), 0);
  b.out(apart(made.hidden), 1);
  if (made.cells) b.out(apart(made.cells), 2);
}

template class RecurrentLayer<IRNNv2Layer, int32_t>;
template class RecurrentLayer<IRNNLayer, std::size_t>;

}  // namespace vivace::tensorrt
