// Stands in for cuDNN: descriptors keep their attributes, and running a plan walks its graph of operations by loops
// over strides. Two engines take a graph, a third one adds in an order left to chance.
#include <cmath>
#include <cstring>
#include <map>
#include <memory>
#include <vector>

#include "base/dtype.h"
#include "vendor/fakes/fakes.h"

using vivace::BFloat16;
using vivace::Float16;

namespace {

constexpr int kBadParameter = 2000, kUnsupported = 3000;
FakeCounts counts;
char last_error[128];

int fail(int error, const char* why) { return std::strncpy(last_error, why, sizeof(last_error) - 1), error; }

struct Descriptor {
  struct Value {
    int type;
    std::vector<unsigned char> bytes;
    int64_t count;
  };
  int type;
  bool finalized = false;
  int engine = 0;
  Descriptor* graph = nullptr;
  std::map<int, Value> values = {};

  bool has(int name) const { return values.contains(name); }
  template <class T>
  T one(int name) const {
    T value{};
    if (has(name)) std::memcpy(&value, values.at(name).bytes.data(), sizeof(T));
    return value;
  }
  template <class T>
  std::vector<T> all(int name) const {
    std::vector<T> list(has(name) ? static_cast<size_t>(values.at(name).count) : 0);
    if (!list.empty()) std::memcpy(list.data(), values.at(name).bytes.data(), list.size() * sizeof(T));
    return list;
  }
  Descriptor* part(int name) const { return one<Descriptor*>(name); }
};

size_t size_of(int type) {
  switch (type) {
    case 2: return 1;  // boolean
    case 1:
    case 4:
    case 7:
    case 8:
    case 14: return 4;  // a float, an enumeration
    default: return 8;  // an integer, a pointer
  }
}

// A tensor's elements in f32, at its strides.
class Elements {
 public:
  Elements(const Descriptor& tensor, unsigned char* memory)
      : dims_(tensor.all<int64_t>(902)), strides_(tensor.all<int64_t>(903)), type_(tensor.one<int>(901)), at_(memory) {
    if (memory) return;
    int64_t count = 1;
    for (size_t i = 0; i < dims_.size(); ++i) count += (dims_[i] - 1) * strides_[i];
    own_.assign(static_cast<size_t>(count) * 4, 0);
    at_ = own_.data();
  }
  const std::vector<int64_t>& dims() const { return dims_; }
  float get(const std::vector<int64_t>& i) const {
    const auto at = static_cast<size_t>(place(i));
    if (type_ == 2) return static_cast<float>(reinterpret_cast<const Float16*>(at_)[at]);
    if (type_ == 9) return static_cast<float>(reinterpret_cast<const BFloat16*>(at_)[at]);
    return reinterpret_cast<const float*>(at_)[at];
  }
  void set(const std::vector<int64_t>& i, float value) {
    const auto at = static_cast<size_t>(place(i));
    if (type_ == 2)
      reinterpret_cast<Float16*>(at_)[at] = static_cast<Float16>(value);
    else if (type_ == 9)
      reinterpret_cast<BFloat16*>(at_)[at] = static_cast<BFloat16>(value);
    else
      reinterpret_cast<float*>(at_)[at] = value;
  }

 private:
  int64_t place(const std::vector<int64_t>& i) const {
    int64_t at = 0;
    for (size_t d = 0; d < i.size(); ++d) at += (dims_[d] == 1 ? 0 : i[d]) * strides_[d];
    return at;
  }
  std::vector<int64_t> dims_, strides_;
  int type_;
  std::vector<unsigned char> own_;
  unsigned char* at_;
};

using Tensors = std::map<int64_t, std::unique_ptr<Elements>>;

Elements& elements(Tensors& tensors, const Descriptor& tensor, const std::map<int64_t, unsigned char*>& memory) {
  std::unique_ptr<Elements>& made = tensors[tensor.one<int64_t>(906)];
  if (made) return *made;
  const auto at = memory.find(tensor.one<int64_t>(906));
  made = std::make_unique<Elements>(tensor, at == memory.end() ? nullptr : at->second);
  return *made;
}

template <class Visit>
void for_each(const std::vector<int64_t>& dims, const Visit& visit) {
  std::vector<int64_t> i(4, 0);
  for (i[0] = 0; i[0] < dims[0]; ++i[0])
    for (i[1] = 0; i[1] < dims[1]; ++i[1])
      for (i[2] = 0; i[2] < dims[2]; ++i[2])
        for (i[3] = 0; i[3] < dims[3]; ++i[3]) visit(i);
}

// All elements in order.
std::vector<float> dense(const Elements& from) {
  std::vector<float> values;
  for_each(from.dims(), [&](const std::vector<int64_t>& i) { values.push_back(from.get(i)); });
  return values;
}

void convolve(const Descriptor& how, const Elements& x, const Elements& w, Elements& y) {
  const auto dilations = how.all<int64_t>(102), strides = how.all<int64_t>(103), pads = how.all<int64_t>(105);
  const int64_t channels = w.dims()[1], kernel_h = w.dims()[2], kernel_w = w.dims()[3];
  const int64_t all_channels = x.dims()[1], in_h = x.dims()[2], in_w = x.dims()[3];
  const int64_t per_group = w.dims()[0] / (all_channels / channels);
  const std::vector<float> image = dense(x), weights = dense(w);
  for_each(y.dims(), [&](const std::vector<int64_t>& i) {
    double sum = 0;
    for (int64_t c = 0; c < channels; ++c)
      for (int64_t kh = 0; kh < kernel_h; ++kh)
        for (int64_t kw = 0; kw < kernel_w; ++kw) {
          const int64_t row = i[2] * strides[0] + kh * dilations[0] - pads[0];
          const int64_t column = i[3] * strides[1] + kw * dilations[1] - pads[1];
          if (row < 0 || column < 0 || row >= in_h || column >= in_w) continue;
          const int64_t channel = i[1] / per_group * channels + c;
          sum += static_cast<double>(
                     image[static_cast<size_t>(((i[0] * all_channels + channel) * in_h + row) * in_w + column)]) *
                 static_cast<double>(
                     weights[static_cast<size_t>(((i[1] * channels + c) * kernel_h + kh) * kernel_w + kw)]);
        }
    y.set(i, static_cast<float>(sum));
  });
}

float activate(const Descriptor& how, float x) {
  switch (how.one<int>(0)) {
    case 100: {
      const float lower = how.one<float>(3), slope = how.one<float>(5);
      const float y = x < lower ? lower + slope * (x - lower) : x;
      return how.has(4) ? std::fmin(y, how.one<float>(4)) : y;
    }
    case 101: return std::tanh(x);
    case 102: return 1 / (1 + std::exp(-x));
    case 104: return 0.5f * x * (1 + std::erf(x * 0.70710678f));
    case 106: return x / (1 + std::exp(-x));
    case 107: return 0.5f * x * (1 + std::tanh(0.79788456f * (x + 0.044715f * x * x * x)));
    default: return NAN;
  }
}

// Output size of a convolution that its attributes give.
bool fits(const Descriptor& op) {
  const Descriptor& how = *op.part(702);
  const auto x = op.part(704)->all<int64_t>(902), w = op.part(703)->all<int64_t>(902),
             y = op.part(705)->all<int64_t>(902);
  const auto dilations = how.all<int64_t>(102), strides = how.all<int64_t>(103), after = how.all<int64_t>(104),
             before = how.all<int64_t>(105);
  for (size_t i = 0; i < 2; ++i)
    if (y[i + 2] != (x[i + 2] + before[i] + after[i] - dilations[i] * (w[i + 2] - 1) - 1) / strides[i] + 1)
      return false;
  return x[0] == y[0] && w[0] == y[1] && x[1] % w[1] == 0 && how.one<int>(101) == 1;
}

}  // namespace

FAKE FakeCounts* fake_cudnn() { return &counts; }
FAKE int cudnnCreate(void** handle) {
  return *handle = new void* [1] {}, ++counts.handles, 0;
}
FAKE int cudnnDestroy(void** handle) { return delete[] handle, --counts.handles, 0; }
FAKE int cudnnSetStream(void** handle, void* stream) { return handle[0] = stream, 0; }
FAKE size_t cudnnGetVersion() { return 91203; }
FAKE const char* cudnnGetErrorString(int error) {
  return error == kUnsupported ? "CUDNN_STATUS_NOT_SUPPORTED" : "CUDNN_STATUS_BAD_PARAM";
}
FAKE void cudnnGetLastErrorString(char* text, size_t bytes) { std::strncpy(text, last_error, bytes); }
FAKE int cudnnBackendCreateDescriptor(int type, Descriptor** made) {
  return *made = new Descriptor{type}, ++counts.descriptors, 0;
}
FAKE int cudnnBackendDestroyDescriptor(Descriptor* d) { return delete d, --counts.descriptors, 0; }
FAKE int cudnnBackendSetAttribute(Descriptor* d, int name, int type, int64_t count, const void* values) {
  if (d->finalized) return fail(kBadParameter, "it is finalized");
  const auto* bytes = static_cast<const unsigned char*>(values);
  d->values[name] = {type, {bytes, bytes + static_cast<size_t>(count) * size_of(type)}, count};
  return 0;
}
FAKE int cudnnBackendFinalize(Descriptor* d) {
  static const std::map<int, std::vector<int>> kNeeded = {{0, {0, 1}},
                                                          {1, {100, 101, 102, 103, 104, 105, 106}},
                                                          {4, {200, 201}},
                                                          {5, {400, 401}},
                                                          {10, {700, 701, 702, 703, 704, 705}},
                                                          {13, {750, 751, 753}},
                                                          {15, {800, 801}},
                                                          {16, {1000, 1001, 1003}},
                                                          {17, {900, 901, 902, 903, 906}}};
  if (!kNeeded.contains(d->type)) return fail(kBadParameter, "no such descriptor");
  for (const int name : kNeeded.at(d->type))
    if (!d->has(name)) return fail(kBadParameter, "an attribute is missing");
  for (const auto& [name, value] : d->values)
    if (value.type == 15)
      for (const Descriptor* part : d->all<Descriptor*>(name))
        if (!part->finalized) return fail(kBadParameter, "a part is not finalized");
  if (d->type == 10 && !fits(*d)) return fail(kBadParameter, "the convolution does not fit its tensors");
  if (d->type == 5) {
    d->engine = d->part(401)->engine;
    d->graph = d->part(401)->graph;
    if (d->engine == 2) return fail(kUnsupported, "engine 2 takes nothing");
  }
  d->finalized = true;
  return 0;
}
FAKE int cudnnBackendGetAttribute(Descriptor* d, int name, int, int64_t room, int64_t* count, void* values) {
  if (!d->finalized) return fail(kBadParameter, "it is not finalized");
  const auto give = [&](const auto& value) { return std::memcpy(values, &value, sizeof(value)), *count = 1, 0; };
  auto** const handles = static_cast<Descriptor**>(values);
  if (name == 202) {
    constexpr int64_t kEngines = 4;
    *count = kEngines;
    if (!values) return 0;
    *count = d->one<int>(200) == 3 ? std::min(room, kEngines) : 0;
    for (int64_t i = 0; i < *count; ++i) {
      handles[i]->finalized = true;
      handles[i]->engine = static_cast<int>(i);
      handles[i]->graph = d->part(201);
    }
    return 0;
  }
  if (name == 300) return handles[0]->finalized = true, handles[0]->engine = d->engine, *count = 1, 0;
  if (name == 1303) return d->engine == 1 ? give(4) : (*count = 0);  // by chance
  if (name == 402) return give(static_cast<int64_t>(d->engine * 100));
  return fail(kBadParameter, "no such attribute");
}
FAKE int cudnnBackendExecute(void** handle, Descriptor* plan, Descriptor* pack) {
  if (!plan->finalized || !pack->finalized) return fail(kBadParameter, "it is not finalized");
  const auto ids = pack->all<int64_t>(1000);
  const auto pointers = pack->all<unsigned char*>(1001);
  auto* const workspace = pack->one<unsigned char*>(1003);
  if (reinterpret_cast<uintptr_t>(workspace) % 256) return fail(kBadParameter, "the workspace is not aligned");
  std::memset(workspace, 0x55, static_cast<size_t>(plan->engine) * 100);
  std::map<int64_t, unsigned char*> memory;
  for (size_t i = 0; i < ids.size(); ++i) memory[ids[i]] = pointers[i];
  Tensors tensors;
  for (const Descriptor* op : plan->graph->all<Descriptor*>(801)) {
    const auto tensor = [&](int name) -> Elements& { return elements(tensors, *op->part(name), memory); };
    if (op->type == 10) {
      convolve(*op->part(702), tensor(704), tensor(703), tensor(705));
      continue;
    }
    Elements &x = tensor(751), &y = tensor(753);
    const Descriptor& how = *op->part(750);
    for_each(y.dims(), [&](const std::vector<int64_t>& i) {
      y.set(i, how.one<int>(0) == 0 ? x.get(i) + tensor(752).get(i) : activate(how, x.get(i)));
    });
  }
  ++counts.runs;
  counts.stream = handle[0];
  counts.last = plan->engine;
  return 0;
}
