// Convolutions of images of 8-bit integers: ConvInteger with 32-bit results, QLinearConv with 8-bit ones.
#include <cstring>

#include "backends/cpu/rows/int8.h"

namespace vivace::cpu {

namespace {

constexpr size_t kNone = QuantizedInputs::kNone;
constexpr QuantizedInputs kInteger{0, kNone, 2, 1, kNone, 3, kNone, kNone, kNone};
constexpr QuantizedInputs kLinear{0, 1, 2, 3, 4, 5, 6, 7, 8};

struct Job {
  QuantizedInputs at{};
  bool scaled = false, x_signed = false, w_unsigned = false;
  int64_t batch = 1, groups = 1, in_h = 0, in_w = 0, pad_top = 0, pad_left = 0;
  int64_t features = 0, k = 0;  // filters of all groups; numbers of one
  bool copies = false;          // the image is padded or flipped
  Int8Conv conv;                // of one image and group

  int64_t k4() const { return (k + 3) / 4 * 4; }
  int64_t channels() const { return conv.channels * groups; }
  int64_t padded_bytes() const {
    return copies ? batch * channels() * conv.x_plane + conv.kernel_w * conv.dilation_w + 64 : 0;
  }
};

Verdict byte_job_of(const Problem& p, Job& job) {
  job.scaled = p.node->op == "QLinearConv";
  job.at = job.scaled ? kLinear : kInteger;
  if (!all_row_major(p)) return no("row-major only");
  const TensorInfo &x = p.inputs[job.at.a], &w = p.inputs[job.at.b], &y = p.outputs[0];
  if (!is_byte(x.type) || !is_byte(w.type)) return no("8-bit integers only");
  if (x.shape.size() != 4) return no("images only");
  if (!w.constant) return no("the weights are not constant");
  if (elements(x.shape) * elements(y.shape) == 0) return no("nothing to convolve");
  job.x_signed = x.type == DType::i8;
  job.w_unsigned = w.type == DType::u8;
  const auto window = ops::window_of(*p.node, {ir::Dim(x.shape[2]), ir::Dim(x.shape[3])}, {w.shape[2], w.shape[3]});
  if (!window.ok()) return no(window.status().message());
  for (const int64_t pad : window->pads)
    if (pad < 0) return no("negative padding");
  job.groups = p.attributes().integer("group", 1);
  job.batch = x.shape[0];
  job.in_h = x.shape[2], job.in_w = x.shape[3];
  job.pad_top = window->pads[0], job.pad_left = window->pads[1];
  job.features = w.shape[0];
  job.k = w.shape[1] * w.shape[2] * w.shape[3];
  if (job.k > INT32_MAX / (255 * 255)) return no("sums beyond 32 bits");
  Int8Conv& c = job.conv;
  c.channels = w.shape[1];
  c.kernel_h = w.shape[2], c.kernel_w = w.shape[3];
  c.stride_h = window->strides[0], c.stride_w = window->strides[1];
  c.dilation_h = window->dilations[0], c.dilation_w = window->dilations[1];
  c.rows = job.in_h + window->pads[0] + window->pads[2];
  c.columns = job.in_w + window->pads[1] + window->pads[3];
  c.x_plane = c.rows * c.columns;
  c.out_rows = y.shape[2], c.out_columns = y.shape[3];
  if ((c.out_rows - 1) * c.stride_h + (c.kernel_h - 1) * c.dilation_h >= c.rows ||
      (c.out_columns - 1) * c.stride_w + (c.kernel_w - 1) * c.dilation_w >= c.columns)
    return no("a window lies outside the image");
  job.copies = job.x_signed || c.x_plane != job.in_h * job.in_w;
  c.slack = job.copies;
  c.product.m = job.features / job.groups;
  c.product.k4 = c.product.a_row = job.k4();
  c.product.scaled = job.scaled;
  for (const size_t i : {job.at.a_scale, job.at.a_zero, job.at.y_scale, job.at.y_zero})
    if (const Verdict verdict = single(p, i); !verdict) return verdict;
  for (const size_t i : {job.at.b_scale, job.at.b_zero})
    if (const Verdict verdict = single_or_each(p, i, job.features); !verdict) return verdict;
  return yes();
}

// The filters as signed numbers, filled up; their sums; as many ones as a filter has numbers.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, byte_job_of));
  const Int8Kernels& kernels = int8_kernels(machine.isa);
  VIVACE_ASSIGN(Tensor filters, Tensor::allocate(DType::u8, {job.features * job.k4()}));
  VIVACE_ASSIGN(Tensor sums, Tensor::allocate(DType::i32, {job.features}));
  VIVACE_ASSIGN(Tensor ones, Tensor::allocate(DType::u8, {job.k4()}));
  kernels.pad_rows(static_cast<const uint8_t*>(p.inputs[job.at.b].constant->data()), job.features, job.k,
                   job.w_unsigned ? kFlipSign : 0, filters.as<uint8_t>(), false, sums.as<int32_t>());
  std::fill_n(ones.as<uint8_t>(), job.k, uint8_t{1});
  return std::vector<Tensor>{std::move(filters), std::move(sums), std::move(ones)};
}

// Parts of the workspace, in bytes from its start.
struct Parts {
  size_t add, factor, scale, image, scratch, bytes;
};
Parts parts_of(const Job& job, const Int8Kernels& kernels, int threads) {
  Parts parts{};
  size_t at = 0;
  const auto take = [&](int64_t bytes) { return std::exchange(at, at + lines(bytes)); };
  parts.add = take(job.features * 4);
  parts.factor = take(job.features * 4);
  parts.scale = take(job.features * 4);
  parts.image = take(job.padded_bytes());
  Int8Conv conv = job.conv;
  static constexpr uint8_t kSome = 1;
  conv.ones = &kSome;  // room for sums as well
  parts.scratch = take(kernels.conv_scratch(conv) * threads);
  parts.bytes = at;
  return parts;
}

class Run {
 public:
  Run(const Problem& p, const Job& job, const Int8Kernels& kernels, const std::vector<Tensor>& packed, int threads)
      : job_(job), kernels_(kernels), packed_(packed), parts_(parts_of(job, kernels, threads)) {
    x_type_ = p.inputs[job.at.a].type, w_type_ = p.inputs[job.at.b].type, y_type_ = p.outputs[0].type;
    x_zero_ = p.has(job.at.a_zero), w_zero_ = p.has(job.at.b_zero), bias_ = p.has(job.at.bias);
    w_zeros_ = w_zero_ && elements(p.inputs[job.at.b_zero].shape) > 1;
    w_scales_ = p.has(job.at.b_scale) && elements(p.inputs[job.at.b_scale].shape) > 1;
  }
  size_t workspace() const { return parts_.bytes; }

  void operator()(const Launch& launch) const {
    auto* memory = static_cast<uint8_t*>(launch.workspace);
    const int x_zero = (x_zero_ ? zero_at(launch.inputs[job_.at.a_zero], x_type_, 0) : 0) + (job_.x_signed ? 128 : 0);
    const auto* x = static_cast<const uint8_t*>(launch.inputs[job_.at.a]);
    if (job_.copies) {
      pad(launch, x, static_cast<uint8_t>(x_zero));
      x = memory + parts_.image;
    }
    const Int8Product all = filters(launch, x_zero);
    const int64_t element = job_.scaled ? 1 : 4, out_plane = job_.conv.out_rows * job_.conv.out_columns;
    std::vector<Int8Conv> convs;
    for (int64_t image = 0; image < job_.batch; ++image)
      for (int64_t group = 0; group < job_.groups; ++group) {
        Int8Conv& c = convs.emplace_back(job_.conv);
        const int64_t first = group * all.m;
        c.product = all;
        c.x = x + (image * job_.groups + group) * c.channels * c.x_plane;
        c.product.a += first * all.k4;
        c.product.row_add += first;
        if (all.row_factor) {
          c.product.row_factor += first;
          c.ones = packed_[2].as<const uint8_t>();
        }
        if (all.scaled) c.product.row_scale += first;
        c.product.c = static_cast<uint8_t*>(launch.outputs[0]) + (image * job_.features + first) * out_plane * element;
      }
    kernels_.conv(convs.data(), static_cast<int64_t>(convs.size()), memory + parts_.scratch, launch.pool);
  }

 private:
  // Planes with the zero point around them.
  void pad(const Launch& launch, const uint8_t* x, uint8_t zero) const {
    const Int8Conv& c = job_.conv;
    uint8_t* to = static_cast<uint8_t*>(launch.workspace) + parts_.image;
    const int64_t planes = job_.batch * job_.channels(), in_plane = job_.in_h * job_.in_w;
    const int64_t per_task = std::max<int64_t>(1, (64 << 10) / c.x_plane);
    launch.pool.run((planes + per_task - 1) / per_task, [&](int64_t task, int) {
      for (int64_t i = task * per_task; i < std::min(planes, (task + 1) * per_task); ++i) {
        uint8_t* plane = to + i * c.x_plane;
        std::memset(plane, zero, static_cast<size_t>(c.x_plane));
        for (int64_t r = 0; r < job_.in_h; ++r) {
          const uint8_t* from = x + i * in_plane + r * job_.in_w;
          uint8_t* row = plane + (r + job_.pad_top) * c.columns + job_.pad_left;
          if (job_.x_signed)
            for (int64_t j = 0; j < job_.in_w; ++j) row[j] = from[j] ^ kFlipSign;
          else
            std::memcpy(row, from, static_cast<size_t>(job_.in_w));
        }
      }
    });
  }

  // What all convolutions have in common: the filters and what belongs to each.
  Int8Product filters(const Launch& launch, int x_zero) const {
    auto* memory = static_cast<uint8_t*>(launch.workspace);
    auto* add = reinterpret_cast<int32_t*>(memory + parts_.add);
    auto* factor = reinterpret_cast<int32_t*>(memory + parts_.factor);
    auto* scale = reinterpret_cast<float*>(memory + parts_.scale);
    const auto* bias = bias_ ? static_cast<const int32_t*>(launch.inputs[job_.at.bias]) : nullptr;
    const auto* sums = packed_[1].as<const int32_t>();
    const auto number = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
    bool any = false;
    for (int64_t i = 0; i < job_.features; ++i) {
      const int w_zero = (w_zero_ ? zero_at(launch.inputs[job_.at.b_zero], w_type_, w_zeros_ ? i : 0) : 0) -
                         (job_.w_unsigned ? 128 : 0);
      const int32_t moved = x_zero * (static_cast<int32_t>(job_.k) * w_zero - sums[i]);
      add[i] = static_cast<int32_t>(static_cast<uint32_t>(moved) + static_cast<uint32_t>(bias ? bias[i] : 0));
      factor[i] = -w_zero;
      any = any || w_zero != 0;
      if (job_.scaled)
        scale[i] = *number(job_.at.a_scale) * number(job_.at.b_scale)[w_scales_ ? i : 0] / *number(job_.at.y_scale);
    }
    Int8Product product = job_.conv.product;
    product.a = packed_[0].as<const uint8_t>();
    product.row_add = add;
    if (any) product.row_factor = factor;
    if (!job_.scaled) return product;
    product.row_scale = scale;
    product.zero = zero_at(launch.inputs[job_.at.y_zero], y_type_, 0);
    product.low = y_type_ == DType::u8 ? 0 : -128;
    product.high = product.low + 255;
    return product;
  }

  Job job_;
  const Int8Kernels& kernels_;
  std::vector<Tensor> packed_;
  Parts parts_;
  DType x_type_, w_type_, y_type_;
  bool x_zero_, w_zero_, bias_, w_zeros_, w_scales_;
};

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>& packed, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, byte_job_of));
  if (packed.size() != 3 || packed[0].count() != job.features * job.k4() || packed[1].count() != job.features ||
      packed[2].count() != job.k4())
    return Status(Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size");
  auto run = std::make_shared<const Run>(p, job, int8_kernels(machine.isa), packed, machine.threads);
  Bound bound;
  bound.workspace = run->workspace();
  bound.run = [run = std::move(run)](const Launch& launch) {
    (*run)(launch);
    return Status();
  };
  return bound;
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(flops_of(p), bytes_of(p), 1, machine);
}

}  // namespace

extern const Tactic int8_conv_tactic{
    .name = "int8_conv",
    .version = 1,
    .operators = {"ConvInteger", "QLinearConv"},
    .supports = supports_job<byte_job_of>,
    .estimate = estimate,
    .prepare = prepare,
    .bind = bind,
    .packs = [](const Problem& p,
                size_t input) { return input == (p.node->op == "QLinearConv" ? kLinear : kInteger).b; },
};

}  // namespace vivace::cpu
