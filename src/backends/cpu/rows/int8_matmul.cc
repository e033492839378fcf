// Products of matrices of 8-bit integers: MatMulInteger with 32-bit results, QLinearMatMul with 8-bit ones.
#include "backends/cpu/rows/int8.h"

namespace vivace::cpu {

Verdict single(const Problem& p, size_t input) { return single_or_each(p, input, 1); }
Verdict single_or_each(const Problem& p, size_t input, int64_t count) {
  if (!p.has(input)) return yes();
  const int64_t found = elements(p.inputs[input].shape);
  if (found == 1) return yes();
  const Shape& shape = p.inputs[input].shape;
  if (found != count || shape.back() != count) return no("scales or zero points are of another granularity");
  return yes();
}

namespace {

constexpr size_t kNone = QuantizedInputs::kNone;
constexpr QuantizedInputs kInteger{0, kNone, 2, 1, kNone, 3, kNone, kNone, kNone};
constexpr QuantizedInputs kLinear{0, 1, 2, 3, 4, 5, 6, 7, kNone};

struct Job {
  QuantizedInputs at{};
  int64_t m = 0, n = 0, k = 0, batch = 1;
  bool scaled = false, a_signed = false, b_unsigned = false;
  bool packed = false;  // B is constant
};

Verdict byte_job_of(const Problem& p, Job& job) {
  job.scaled = p.node->op == "QLinearMatMul";
  job.at = job.scaled ? kLinear : kInteger;
  if (!all_row_major(p)) return no("row-major only");
  const TensorInfo &a = p.inputs[job.at.a], &b = p.inputs[job.at.b];
  if (!is_byte(a.type) || !is_byte(b.type)) return no("8-bit integers only");
  if (a.shape.empty() || b.shape.size() < 2) return no("no matrices");
  for (const size_t i : {job.at.a_scale, job.at.b_scale, job.at.y_scale})
    if (p.has(i) && p.inputs[i].type != DType::f32) return no("scales in f32 only");
  job.a_signed = a.type == DType::i8;
  job.b_unsigned = b.type == DType::u8;
  job.k = a.shape.back();
  job.n = b.shape.back();
  const std::span a_batch = std::span(a.shape).first(std::max<size_t>(a.shape.size(), 2) - 2);
  const std::span b_batch = std::span(b.shape).first(b.shape.size() - 2);
  job.m = a.shape.size() < 2 ? 1 : a.shape[a.shape.size() - 2];
  if (elements(b_batch) == 1) {
    job.m *= elements(a_batch);
  } else {
    if (!std::equal(a_batch.begin(), a_batch.end(), b_batch.begin(), b_batch.end()))
      return no("batches of different shapes");
    job.batch = elements(b_batch);
  }
  if (job.m * job.n * job.k * job.batch == 0) return no("nothing to multiply");
  if (job.k > INT32_MAX / (255 * 255)) return no("sums beyond 32 bits");
  job.packed = b.constant && job.batch == 1;
  for (const size_t i : {job.at.a_scale, job.at.a_zero, job.at.y_scale, job.at.y_zero})
    if (const Verdict verdict = single(p, i); !verdict) return verdict;
  for (const size_t i : {job.at.b_scale, job.at.b_zero})
    if (const Verdict verdict = single_or_each(p, i, job.n); !verdict) return verdict;
  return yes();
}

// B in panels and the sums of its columns.
Result<std::vector<Tensor>> prepare(const Problem& p, const std::string&, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, byte_job_of));
  if (!job.packed) return std::vector<Tensor>();
  const Int8Kernels& kernels = int8_kernels(machine.isa);
  VIVACE_ASSIGN(Tensor panels, Tensor::allocate(DType::u8, {kernels.packed_size(job.k, job.n)}));
  const int64_t columns = (job.n + kernels.panel - 1) / kernels.panel * kernels.panel;
  VIVACE_ASSIGN(Tensor sums, Tensor::allocate(DType::i32, {columns}));
  ThreadPool pool(1);
  kernels.pack_columns(static_cast<const uint8_t*>(p.inputs[job.at.b].constant->data()), job.n, 1, job.k, job.n,
                       job.b_unsigned ? kFlipSign : 0, panels.as<uint8_t>(), sums.as<int32_t>(), pool);
  return std::vector<Tensor>{std::move(panels), std::move(sums)};
}

// Parts of the workspace, in bytes from its start.
struct Parts {
  size_t column_add, column_factor, column_scale, row_sums, row_factor, a, b, b_sums, bytes;
};
Parts parts_of(const Job& job, const Int8Kernels& kernels) {
  const int64_t columns = (job.n + kernels.panel - 1) / kernels.panel * kernels.panel, k4 = (job.k + 3) / 4 * 4;
  Parts parts{};
  size_t at = 0;
  const auto take = [&](int64_t bytes) { return std::exchange(at, at + lines(bytes)); };
  parts.column_add = take(columns * 4);
  parts.column_factor = take(columns * 4);
  parts.column_scale = take(columns * 4);
  parts.row_sums = take(job.m * 4);
  parts.row_factor = take(job.m * 4);
  parts.a = take(job.m * k4);
  parts.b = take(job.packed ? 0 : kernels.packed_size(job.k, job.n));
  parts.b_sums = take(job.packed ? 0 : columns * 4);
  parts.bytes = at;
  return parts;
}

class Run {
 public:
  Run(const Problem& p, const Job& job, const Int8Kernels& kernels, const std::vector<Tensor>& packed)
      : job_(job), kernels_(kernels), packed_(packed), parts_(parts_of(job, kernels)) {
    const auto info = [&](size_t i) { return p.has(i) ? p.inputs[i] : TensorInfo(); };
    a_type_ = info(job.at.a).type, b_type_ = info(job.at.b).type, y_type_ = p.outputs[0].type;
    a_zero_ = p.has(job.at.a_zero), b_zero_ = p.has(job.at.b_zero);
    b_zeros_ = b_zero_ && elements(info(job.at.b_zero).shape) > 1;
    b_scales_ = p.has(job.at.b_scale) && elements(info(job.at.b_scale).shape) > 1;
  }
  size_t workspace() const { return parts_.bytes; }

  void operator()(const Launch& launch) const {
    auto* memory = static_cast<uint8_t*>(launch.workspace);
    const auto ints = [&](size_t offset) { return reinterpret_cast<int32_t*>(memory + offset); };
    const uint8_t *b = nullptr, *a = nullptr;
    const int32_t* sums = nullptr;
    for (int64_t batch = 0; batch < job_.batch; ++batch) {
      if (job_.packed) {
        b = packed_[0].as<const uint8_t>();
        sums = packed_[1].as<const int32_t>();
      } else {
        b = memory + parts_.b;
        sums = ints(parts_.b_sums);
        kernels_.pack_columns(static_cast<const uint8_t*>(launch.inputs[job_.at.b]) + batch * job_.k * job_.n, job_.n,
                              1, job_.k, job_.n, job_.b_unsigned ? kFlipSign : 0, memory + parts_.b,
                              ints(parts_.b_sums), launch.pool);
      }
      Int8Product product = columns(launch, sums);
      a = static_cast<const uint8_t*>(launch.inputs[job_.at.a]) + batch * job_.m * job_.k;
      product.a = rows(launch, a, product);
      product.b = b;
      product.c = static_cast<uint8_t*>(launch.outputs[0]) + batch * job_.m * job_.n * (job_.scaled ? 1 : 4);
      kernels_.product(product, launch.pool);
    }
  }

 private:
  // What is added to and multiplied with columns.
  Int8Product columns(const Launch& launch, const int32_t* sums) const {
    auto* memory = static_cast<uint8_t*>(launch.workspace);
    auto* add = reinterpret_cast<int32_t*>(memory + parts_.column_add);
    auto* factor = reinterpret_cast<int32_t*>(memory + parts_.column_factor);
    auto* scale = reinterpret_cast<float*>(memory + parts_.column_scale);
    const int a_zero = (a_zero_ ? zero_at(launch.inputs[job_.at.a_zero], a_type_, 0) : 0) + (job_.a_signed ? 128 : 0);
    Int8Product product;
    product.m = job_.m, product.n = job_.n, product.k4 = (job_.k + 3) / 4 * 4;
    product.a_row = product.k4;
    product.c_row = job_.n;
    bool any = false;
    for (int64_t j = 0; j < job_.n; ++j) {
      const int b_zero = (b_zero_ ? zero_at(launch.inputs[job_.at.b_zero], b_type_, b_zeros_ ? j : 0) : 0) -
                         (job_.b_unsigned ? 128 : 0);
      add[j] = a_zero * (static_cast<int32_t>(job_.k) * b_zero - sums[j]);
      factor[j] = -b_zero;
      any = any || b_zero != 0;
    }
    if (a_zero != 0) product.column_add = add;
    if (any) {
      product.column_factor = factor;
      product.row_factor = reinterpret_cast<const int32_t*>(memory + parts_.row_sums);
    }
    if (!job_.scaled) return product;
    const auto number = [&](size_t i) { return static_cast<const float*>(launch.inputs[i]); };
    const float* b_scale = number(job_.at.b_scale);
    for (int64_t j = 0; j < job_.n; ++j)
      scale[j] = *number(job_.at.a_scale) * b_scale[b_scales_ ? j : 0] / *number(job_.at.y_scale);
    product.scaled = true;
    product.column_scale = scale;
    product.zero = zero_at(launch.inputs[job_.at.y_zero], y_type_, 0);
    product.low = y_type_ == DType::u8 ? 0 : -128;
    product.high = product.low + 255;
    return product;
  }

  // A as the kernel wants it: as it is, or flipped, filled up and summed.
  const uint8_t* rows(const Launch& launch, const uint8_t* a, const Int8Product& product) const {
    if (!job_.a_signed && job_.k % 4 == 0 && !product.row_factor) return a;
    auto* memory = static_cast<uint8_t*>(launch.workspace);
    auto* to = memory + parts_.a;
    auto* sums = product.row_factor ? reinterpret_cast<int32_t*>(memory + parts_.row_sums) : nullptr;
    constexpr int64_t kRows = 16;
    launch.pool.run((job_.m + kRows - 1) / kRows, [&](int64_t task, int) {
      const int64_t first = task * kRows;
      kernels_.pad_rows(a + first * job_.k, std::min(kRows, job_.m - first), job_.k, job_.a_signed ? kFlipSign : 0,
                        to + first * product.k4, true, sums ? sums + first : nullptr);
    });
    return to;
  }

  Job job_;
  const Int8Kernels& kernels_;
  std::vector<Tensor> packed_;
  Parts parts_;
  DType a_type_, b_type_, y_type_;
  bool a_zero_, b_zero_, b_zeros_, b_scales_;
};

Result<Bound> bind(const Problem& p, const std::string&, const std::vector<Tensor>& packed, const Machine& machine) {
  VIVACE_ASSIGN(const Job job, job_of(p, byte_job_of));
  const Int8Kernels& kernels = int8_kernels(machine.isa);
  if (job.packed && (packed.size() != 2 || packed[0].count() != kernels.packed_size(job.k, job.n)))
    return Status(Code::corrupt_file, p.node->describe() + ": its packed weights have the wrong size");
  auto run = std::make_shared<const Run>(p, job, kernels, packed);
  Bound bound;
  bound.workspace = run->workspace();
  bound.run = [run = std::move(run)](const Launch& launch) {
    (*run)(launch);
    return Status();
  };
  return bound;
}

double estimate(const Problem& p, const std::string&, const Machine& machine) {
  return roofline_seconds(flops_of(p), bytes_of(p), 1.5, machine);
}

}  // namespace

extern const Tactic int8_matmul_tactic{
    .name = "int8_matmul",
    .version = 1,
    .operators = {"MatMulInteger", "QLinearMatMul"},
    .supports = supports_job<byte_job_of>,
    .estimate = estimate,
    .prepare = prepare,
    .bind = bind,
    .packs =
        [](const Problem& p, size_t input) {
          Job job;
          return byte_job_of(p, job) && job.packed && input == job.at.b;
        },
};

}  // namespace vivace::cpu
