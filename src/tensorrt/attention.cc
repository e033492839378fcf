// Attention becomes the operator of that name; products that are not normalized, or quantized, become its parts. Packed
// sequences are one long one in which a token sees only those of its own.
#include "tensorrt/attention.h"

#include <limits>
#include <vector>

#include "tensorrt/network.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

namespace {

class Attention;

template <class Interface>
class AttentionBoundary : public LayerOf<Interface> {
 public:
  using LayerOf<Interface>::LayerOf;
  Attention* attention = nullptr;
  IAttention* getAttention() const noexcept override;
};

enum : int32_t { kQuery, kKey, kValue, kMask, kScale, kQueryLengths, kKeyValueLengths };

class AttentionInput final : public AttentionBoundary<IAttentionInputLayer> {
 public:
  using AttentionBoundary::AttentionBoundary;
  void emit(Build& b) override;

  AttentionNormalizationOp normalization = AttentionNormalizationOp::kSOFTMAX;
  CausalMaskKind causal = CausalMaskKind::kNONE;
  AttentionIOForm query_form = AttentionIOForm::kPADDED_BHND, key_value_form = AttentionIOForm::kPADDED_BHND;
  DataType quantized = DataType::kFLOAT;  // kFLOAT: not

  template <class T>
  bool set(T& member, T value) {
    change(member, value);
    return true;
  }
  bool set_tensor(int32_t index, ITensor* tensor) {
    if (tensor) set_input(index, *tensor);
    if (!tensor && index < getNbInputs()) change(inputs[static_cast<size_t>(index)], nullptr);
    return getInput(index) == tensor;
  }

 private:
  ir::Value* products(Build& b, ir::Value* q, ir::Value* k, ir::Value* v, ir::Value* mask);
};

class AttentionOutput final : public AttentionBoundary<IAttentionOutputLayer> {
 public:
  using AttentionBoundary::AttentionBoundary;
  void emit(Build& b) override { b.out(b.add("Identity", {b.in()})); }
};

// ---- What sees what ----

ir::Value* size(Build& b, ir::Value* x, size_t axis) {
  const ir::Dims dims = b.dims(x);
  if (b.ok() && dims[axis].known()) return b.integer(dims[axis].value());
  return b.add("Squeeze", {b.dim(x, static_cast<int64_t>(axis))});
}

ir::Value* indices(Build& b, ir::Value* count) { return b.add("Range", {b.integer(0), count, b.integer(1)}); }

// What is one for each token of the query stands in a column; a number stays.
ir::Value* column(Build& b, ir::Value* x) { return b.rank(x) == 1 ? b.add("Unsqueeze", {x, b.ints({1})}) : x; }

struct Tokens {
  ir::Value* values = nullptr;    // [batch, heads, tokens, size]
  ir::Value* sequence = nullptr;  // of each token; null where every sequence has its own place in the batch
  ir::Value* place = nullptr;     // of each token in its sequence
  ir::Value* length = nullptr;    // of its sequence: a number, or one for each token or element of the batch
};

Tokens padded(Build& b, ir::Value* x, ir::Value* lengths) {
  ir::Value* const length = size(b, x, 2);
  return {x, nullptr, indices(b, length), lengths ? b.reshape(lengths, {-1, 1, 1, 1}) : length};
}

// All of a batch in one sequence.
Tokens flattened(Build& b, ir::Value* x, ir::Value* lengths) {
  const ir::Dims dims = b.dims(x);
  if (b.ok() && (!dims[1].known() || !dims[3].known())) b.fail("heads and their size must be known");
  if (!b.ok()) return {};
  ir::Value *const batch = size(b, x, 0), *const length = size(b, x, 2);
  ir::Value* const token = indices(b, b.add("Mul", {batch, length}));
  ir::Value* const sequence = b.add("Div", {token, length});
  return {b.reshape(b.transpose(x, {1, 0, 2, 3}), {1, dims[1].value(), -1, dims[3].value()}), sequence,
          b.add("Sub", {token, b.add("Mul", {sequence, length})}),
          lengths ? b.add("Gather", {lengths, sequence}) : length};
}

// [tokens, heads, size]; `starts` has one element more than there are sequences.
Tokens packed(Build& b, ir::Value* x, ir::Value* starts) {
  ir::Value* const token = indices(b, size(b, x, 0));
  ir::Value* const ends =
      b.add("Slice", {starts, b.ints({1}), b.ints({std::numeric_limits<int64_t>::max()}), b.ints({0})});
  ir::Value* const passed = b.i64(b.add("GreaterOrEqual", {column(b, token), ends}));
  ir::Value* const sequence = b.add("ReduceSum", {passed, b.ints({1})}, {{"keepdims", int64_t{0}}});
  ir::Value* const start = b.add("Gather", {starts, sequence});
  // What lies after the last sequence is of none.
  ir::Value* const last = b.add("Sub", {size(b, starts, 0), b.integer(1)});
  ir::Value* const end = b.add("Gather", {starts, b.add("Min", {b.add("Add", {sequence, b.integer(1)}), last})});
  return {b.add("Unsqueeze", {b.transpose(x, {1, 0, 2}), b.ints({0})}), sequence, b.add("Sub", {token, start}),
          b.add("Sub", {end, start})};
}

// Booleans, tokens of the query by those of the key; null where everything sees everything.
ir::Value* visible(Build& b, const Tokens& q, const Tokens& k, CausalMaskKind causal, bool limited) {
  ir::Value* seen = nullptr;
  const auto demand = [&](ir::Value* more) { seen = seen ? b.add("And", {seen, more}) : more; };
  if (q.sequence) demand(b.add("Equal", {column(b, q.sequence), k.sequence}));
  if (limited) demand(b.add("Less", {k.place, k.length}));
  if (causal == CausalMaskKind::kNONE) return seen;
  ir::Value* last = column(b, q.place);
  if (causal == CausalMaskKind::kLOWER_RIGHT)
    last = b.add("Add", {last, b.add("Sub", {k.length, column(b, q.length)})});
  demand(b.add("LessOrEqual", {k.place, last}));
  return seen;
}

// Far below every score; the softmax of it is 0.
ir::Value* least(Build& b, const ir::Value* like) {
  const bool half = b.ok() && like->type.dtype == DType::f16;
  return b.real(half ? -60000.0 : std::numeric_limits<float>::lowest(), like);
}

}  // namespace

// ---- The layers ----

ir::Value* AttentionInput::products(Build& b, ir::Value* q, ir::Value* k, ir::Value* v, ir::Value* mask) {
  const ir::Dims query = b.dims(q), key = b.dims(k);
  if (!b.ok()) return nullptr;
  if (!query[1].same(key[1])) {
    if (!query[1].known() || !key[1].known() || key[1].value() < 1) {
      b.fail("the numbers of heads must be known");
      return nullptr;
    }
    std::vector<int64_t> serving;  // which head of the key serves each of the query
    for (int64_t i = 0; i < query[1].value(); ++i) serving.push_back(i * key[1].value() / query[1].value());
    k = b.add("Gather", {k, b.ints(serving)}, {{"axis", int64_t{1}}});
    v = b.add("Gather", {v, b.ints(serving)}, {{"axis", int64_t{1}}});
  }
  const bool softmax = normalization == AttentionNormalizationOp::kSOFTMAX;
  ir::Value* scores = b.add("MatMul", {q, b.transpose(k, {0, 1, 3, 2})});
  if (mask && mask->type.dtype == DType::boolean)
    scores = b.add("Where", {mask, scores, softmax ? least(b, q) : b.real(0, q)});
  else if (mask)
    scores = b.add("Add", {scores, b.cast_like(mask, q)});
  if (softmax) scores = b.add("Softmax", {scores}, {{"axis", int64_t{-1}}});
  if (quantized != DataType::kFLOAT) {
    Result<vivace::Tensor> none = vivace::Tensor::allocate(to_dtype(quantized), {});
    if (!none.ok()) return b.fail(none.status()), nullptr;
    ir::Value *const scale = b.reshape(b.in(kScale), {}), *const zero = b.constant(std::move(*none));
    scores = b.add("DequantizeLinear", {b.add("QuantizeLinear", {scores, scale, zero}), scale, zero});
  }
  return b.add("MatMul", {b.cast_like(scores, v), v});
}

void AttentionInput::emit(Build& b) {
  const bool query_packed = query_form == AttentionIOForm::kPACKED_NHD;
  const bool key_packed = key_value_form == AttentionIOForm::kPACKED_NHD;
  const bool flat = query_packed || key_packed;
  if (b.batch()) return b.fail("attention needs an explicit batch");
  for (const int32_t i : {kQuery, kKey, kValue}) {
    const int wanted = (i == kQuery ? query_packed : key_packed) ? 3 : 4;
    if (const int rank = b.rank(b.in(static_cast<size_t>(i))); b.ok() && rank != wanted)
      return b.fail("input " + std::to_string(i) + " has " + std::to_string(rank) + " dimensions, not " +
                    std::to_string(wanted));
  }
  if ((query_packed && !b.has(kQueryLengths)) || (key_packed && !b.has(kKeyValueLengths)))
    return b.fail("packed sequences need lengths; see setQueryLengths and setKeyValueLengths");
  if (b.has(kMask) && (flat || causal != CausalMaskKind::kNONE))
    return b.fail("a mask goes with padded sequences that are not causal");
  if (b.has(kScale) != (quantized != DataType::kFLOAT))
    return b.fail("quantization needs both a scale and a type; see setNormalizationQuantizeScale");
  if (!b.ok()) return;

  const auto tokens = [&](int32_t i, bool is_packed, int32_t lengths) {
    ir::Value* const x = b.in(static_cast<size_t>(i));
    const bool given = b.has(static_cast<size_t>(lengths)) && (is_packed || i != kQuery);
    ir::Value* const counts = given ? b.reshape(b.i64(b.in(static_cast<size_t>(lengths))), {-1}) : nullptr;
    return is_packed ? packed(b, x, counts) : flat ? flattened(b, x, counts) : padded(b, x, counts);
  };
  const Tokens q = tokens(kQuery, query_packed, kQueryLengths);
  const Tokens k = tokens(kKey, key_packed, kKeyValueLengths);
  ir::Value* const v = tokens(kValue, key_packed, kKeyValueLengths).values;

  const bool whole = normalization == AttentionNormalizationOp::kSOFTMAX && quantized == DataType::kFLOAT;
  const bool limited = !key_packed && b.has(kKeyValueLengths);
  const bool own_causal = whole && !flat && !limited && causal == CausalMaskKind::kUPPER_LEFT;
  ir::Value* const seen = own_causal ? nullptr : visible(b, q, k, causal, limited);
  ir::Value* mask = b.has(kMask) ? b.in(kMask) : seen;
  if (b.ok() && seen && mask != seen)
    mask = mask->type.dtype == DType::boolean ? b.add("And", {mask, seen})
                                              : b.add("Where", {seen, b.cast_like(mask, q.values), least(b, q.values)});
  ir::Value* y =
      whole ? b.add("Attention", {q.values, k.values, v, mask}, {{"scale", 1.0F}, {"is_causal", int64_t{own_causal}}})
            : products(b, q.values, k.values, v, mask);
  if (query_packed)
    y = b.transpose(b.add("Squeeze", {y, b.ints({0})}), {1, 0, 2});
  else if (flat)
    y = b.transpose(b.add("Reshape", {y, b.shape(b.transpose(b.in(kQuery), {1, 0, 2, 3}))}), {1, 0, 2, 3});
  b.out(y);
}

// ---- The face ----

namespace {

class Attention final : public IAttention {
 public:
  Attention(AttentionInput& input, AttentionOutput& output) : input_(input), output_(output) {}
  bool setNormalizationOperation(AttentionNormalizationOp op) noexcept override {
    return set(input_.normalization, op);
  }
  AttentionNormalizationOp getNormalizationOperation() const noexcept override { return input_.normalization; }
  bool setMask(ITensor& mask) noexcept override { return input_.set_tensor(kMask, &mask); }
  ITensor* getMask() noexcept override { return input_.getInput(kMask); }
  bool setCausal(bool causal) noexcept override {
    return setCausalKind(causal ? CausalMaskKind::kUPPER_LEFT : CausalMaskKind::kNONE);
  }
  bool getCausal() const noexcept override { return input_.causal != CausalMaskKind::kNONE; }
  bool setCausalKind(CausalMaskKind kind) noexcept override { return set(input_.causal, kind); }
  CausalMaskKind getCausalKind() const noexcept override { return input_.causal; }
  bool setDecomposable(bool value) noexcept override {
    decomposable_ = value;
    return true;
  }
  bool getDecomposable() const noexcept override { return decomposable_; }
  bool setInput(int32_t index, ITensor& tensor) noexcept override {
    return index >= 0 && index < getNbInputs() && input_.set_tensor(index, &tensor);
  }
  int32_t getNbInputs() const noexcept override { return 3; }
  ITensor* getInput(int32_t index) const noexcept override {
    return index < getNbInputs() ? input_.getInput(index) : nullptr;
  }
  int32_t getNbOutputs() const noexcept override { return 1; }
  ITensor* getOutput(int32_t index) const noexcept override { return output_.getOutput(index); }
  bool setName(char const* name) noexcept override {
    input_.setName(name);
    return name;
  }
  char const* getName() const noexcept override { return input_.getName(); }
  bool setNormalizationQuantizeScale(ITensor& tensor) noexcept override { return input_.set_tensor(kScale, &tensor); }
  ITensor* getNormalizationQuantizeScale() const noexcept override { return input_.getInput(kScale); }
  bool setNormalizationQuantizeToType(DataType type) noexcept override {
    return (type == DataType::kFP8 || type == DataType::kINT8) && input_.set(input_.quantized, type);
  }
  DataType getNormalizationQuantizeToType() const noexcept override { return input_.quantized; }
  bool setMetadata(char const* metadata) noexcept override {
    input_.setMetadata(metadata);
    return metadata;
  }
  char const* getMetadata() const noexcept override { return input_.getMetadata(); }
  bool setNbRanks(int32_t ranks) noexcept override { return input_.setNbRanks(ranks); }
  int32_t getNbRanks() const noexcept override { return input_.getNbRanks(); }
  bool setQueryForm(AttentionIOForm form) noexcept override { return set(input_.query_form, form); }
  AttentionIOForm getQueryForm() const noexcept override { return input_.query_form; }
  bool setKeyValueForm(AttentionIOForm form) noexcept override { return set(input_.key_value_form, form); }
  AttentionIOForm getKeyValueForm() const noexcept override { return input_.key_value_form; }
  bool setQueryLengths(ITensor* lengths) noexcept override { return input_.set_tensor(kQueryLengths, lengths); }
  ITensor* getQueryLengths() const noexcept override { return input_.getInput(kQueryLengths); }
  bool setKeyValueLengths(ITensor* lengths) noexcept override { return input_.set_tensor(kKeyValueLengths, lengths); }
  ITensor* getKeyValueLengths() const noexcept override { return input_.getInput(kKeyValueLengths); }

 private:
  template <class E>
  bool set(E& member, E value) {
    return static_cast<int32_t>(value) >= 0 && static_cast<int32_t>(value) < EnumMax<E>() && input_.set(member, value);
  }
  AttentionInput& input_;
  AttentionOutput& output_;
  bool decomposable_ = false;
};

template <class Interface>
IAttention* AttentionBoundary<Interface>::getAttention() const noexcept {
  return attention;
}

}  // namespace

std::unique_ptr<IAttention> make_attention(Network& network, ITensor* const (&tensors)[3],
                                           AttentionNormalizationOp normalization, CausalMaskKind causal) {
  std::vector<NetworkTensor*> inputs;
  for (const ITensor* tensor : tensors) {
    inputs.push_back(network.own(*tensor));
    if (inputs.back()) continue;
    network.report({Code::invalid_argument, "addAttention: a tensor belongs to another network"});
    return nullptr;
  }
  auto* const input = static_cast<AttentionInput*>(
      network.keep(std::make_unique<AttentionInput>(network, LayerType::kATTENTION_INPUT), inputs, 1));
  input->normalization = normalization;
  input->causal = causal;
  auto* const output = static_cast<AttentionOutput*>(network.keep(
      std::make_unique<AttentionOutput>(network, LayerType::kATTENTION_OUTPUT), {input->outputs[0].get()}, 1));
  auto made = std::make_unique<Attention>(*input, *output);
  input->attention = output->attention = made.get();
  return made;
}

}  // namespace vivace::tensorrt
