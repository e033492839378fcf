#include "backends/cuda/host.h"

#include <algorithm>
#include <memory>

#include "backends/cuda/lower.h"

namespace vivace::cuda {

namespace {

using cpu::Bound;
using cpu::Problem;
using cpu::TensorInfo;

constexpr size_t kRoom = 64;  // what a tensor in the workspace is aligned to

size_t aligned(size_t bytes) { return (bytes + kRoom - 1) / kRoom * kRoom; }
int64_t units(int64_t channels) { return (channels + kChannelUnit - 1) / kChannelUnit * kChannelUnit; }
bool is_short(DType type) { return type == DType::f16 || type == DType::bf16; }

// Where the elements of an image are; a tensor in rows is one pixel of all its elements.
struct Image {
  int64_t batch = 1, channels = 1, pixels = 1, pitch = 1, written = 1;

  static Image of(const TensorInfo& t) {
    if (!t.channel_block) return {1, elements(t.shape), 1, elements(t.shape), elements(t.shape)};
    return {t.shape[0], t.shape[1], elements(std::span(t.shape).subspan(2)), t.channel_block, units(t.shape[1])};
  }
};

// From where it is to row-major f32.
template <class T>
void unpack(const Image& image, const T* from, float* to) {
  for (int64_t n = 0; n < image.batch; ++n)
    for (int64_t p = 0; p < image.pixels; ++p)
      for (int64_t c = 0; c < image.channels; ++c)
        to[(n * image.channels + c) * image.pixels + p] =
            static_cast<float>(from[(n * image.pixels + p) * image.pitch + c]);
}

template <class T>
void pack(const Image& image, const float* from, T* to) {
  for (int64_t n = 0; n < image.batch; ++n)
    for (int64_t p = 0; p < image.pixels; ++p)
      for (int64_t c = 0; c < image.written; ++c)
        to[(n * image.pixels + p) * image.pitch + c] =
            c < image.channels ? T(from[(n * image.channels + c) * image.pixels + p]) : T(0.0f);
}

// A tensor that the CPU sees as row-major f32.
struct Converted {
  bool is = false;
  DType type = DType::undefined;
  Image image;
  size_t place = 0;  // in the workspace
  Tensor constant;   // where it is one, converted once

  void load(const void* from, float* to) const {
    visit_dtype<float, Float16, BFloat16>(type, [&]<class T>() { unpack(image, static_cast<const T*>(from), to); });
  }
  void store(const float* from, void* to) const {
    visit_dtype<float, Float16, BFloat16>(type, [&]<class T>() { pack(image, from, static_cast<T*>(to)); });
  }
};

Result<Bound> bind_plain(const Problem& problem, const cpu::Machine& host) {
  for (const cpu::Tactic* tactic : cpu::all_tactics()) {
    if (!tactic->runs(problem.node->op) || !tactic->supports(problem, host)) continue;
    const std::string configuration = tactic->configurations ? tactic->configurations(problem, host).front() : "";
    std::vector<Tensor> packed;
    if (tactic->prepare) {
      VIVACE_ASSIGN(packed, tactic->prepare(problem, configuration, host));
    }
    return tactic->bind(problem, configuration, packed, host);
  }
  return Status(Code::internal, problem.node->describe() + ": no tactic can run it at this shape: " + problem.key());
}

// The element type is what these are about, so it stays.
bool is_about_types(const ir::Node& node) {
  return node.attributes.has("to") || node.attributes.has("dtype") || node.attributes.has("output_dtype") ||
         node.op == "CastLike" || node.op == "BitCast";
}

// The identity or a Cast, whatever the layouts; the rounding is that of storing.
Bound moves() {
  Bound bound;
  bound.run = [](const cpu::Launch&) { return Status(); };
  return bound;
}

}  // namespace

size_t span_bytes(const TensorInfo& tensor) {
  if (!tensor.channel_block) return tensor.bytes();
  const Image image = Image::of(tensor);
  return byte_size(tensor.type, (image.batch * image.pixels - 1) * image.pitch + image.written);
}

bool is_interleaved(const TensorInfo& tensor) {
  return tensor.channel_block > 0 && Image::of(tensor).written < tensor.channel_block;
}

Result<Bound> bind_on_host(const Problem& problem, const cpu::Machine& host) {
  const ir::Node& node = *problem.node;
  const bool moving = node.op == "vivace.Reorder";
  const bool is_short_problem =
      std::any_of(problem.inputs.begin(), problem.inputs.end(), [](const TensorInfo& t) { return is_short(t.type); });
  const bool shortens = is_short_problem && !is_about_types(node);
  Problem plain = problem;
  const auto all = std::make_shared<std::vector<Converted>>(problem.inputs.size() + problem.outputs.size());
  std::vector<Converted>& converted = *all;
  size_t workspace = 0;
  bool any = false;
  for (size_t k = 0; k < converted.size(); ++k) {
    const bool is_input = k < problem.inputs.size();
    TensorInfo& info = is_input ? plain.inputs[k] : plain.outputs[k - problem.inputs.size()];
    Converted& c = converted[k];
    c.is = info.channel_block > 0 || (info.present() && moving) || (shortens && is_short(info.type));
    if (!c.is) continue;
    if (info.type != DType::f32 && !is_short(info.type))
      return Status(Code::unsupported, node.describe() + ": images of type " + to_string(info.type) +
                                           " with channels last do not run on the CPU");
    any = true;
    c.type = info.type;
    const bool is_constant = is_input && info.constant;
    if (is_constant) info.channel_block = 0;  // the elements of a constant are row-major
    c.image = Image::of(info);
    c.place = workspace;
    info.type = DType::f32;
    info.channel_block = 0;
    if (is_constant) {
      VIVACE_ASSIGN(c.constant, Tensor::allocate(DType::f32, info.shape));
      c.load(info.constant->data(), c.constant.as<float>());
      info.constant = &c.constant;
    } else {
      workspace += aligned(info.bytes());
    }
  }
  if (!any) return bind_plain(problem, host);
  // What a Reorder reads it writes at once, in the other layout.
  if (moving) converted[1].place = converted[0].place;
  VIVACE_ASSIGN(Bound inner, moving ? Result<Bound>(moves()) : bind_plain(plain, host));
  Bound bound;
  bound.workspace = workspace + inner.workspace;
  bound.run = [all, inner = std::move(inner), inputs = problem.inputs.size(),
               workspace](const cpu::Launch& launch) -> Status {
    const std::vector<Converted>& converted = *all;
    std::byte* const room = static_cast<std::byte*>(launch.workspace);
    std::vector<void*> pointers;
    for (size_t k = 0; k < converted.size(); ++k) {
      const Converted& c = converted[k];
      void* given = k < inputs ? launch.inputs[k] : launch.outputs[k - inputs];
      if (c.constant.valid()) given = const_cast<void*>(c.constant.data());
      if (c.is && given && !c.constant.valid()) {
        auto* const place = reinterpret_cast<float*>(room + c.place);
        if (k < inputs) c.load(given, place);
        given = place;
      }
      pointers.push_back(given);
    }
    VIVACE_TRY(inner.run({pointers.data(), pointers.data() + inputs, room + workspace, launch.pool}));
    for (size_t k = inputs; k < converted.size(); ++k)
      if (void* to = launch.outputs[k - inputs]; converted[k].is && to)
        converted[k].store(static_cast<const float*>(pointers[k]), to);
    return {};
  };
  return bound;
}

}  // namespace vivace::cuda
