// com.microsoft.MatMulNBits: y = a w^T + bias, w = (q - zero) * scale. q are integers of 2, 4 or 8 bits, in bytes whose
// low bits come first; each row of w is cut into blocks that share a scale and a zero point, the last one filled up.
#include "ops/nbits.h"

#include "ops/reference.h"

namespace vivace::ops {

namespace {

enum Input : size_t { kA, kWeights, kScales, kZeros, kGroups, kBias };

constexpr int64_t kMostElements = int64_t{1} << 40;

// Input i must have so many elements, in any shape.
Status holds(const Inference& in, size_t i, int64_t count) {
  if (!in.has(i) || !in.dims(i)) return {};
  const std::optional<Shape> shape = in.type(i).shape();
  const std::optional<int64_t> given = shape ? checked_elements(*shape) : std::nullopt;
  if (!shape || given == count) return {};
  return in.error("input " + std::to_string(i) + " has shape [" + ir::to_string(*in.dims(i)) +
                  "]; N, K, bits and block_size ask for " + std::to_string(count) + " elements");
}

}  // namespace

Status infer_matmul_nbits(Inference& in) {
  using enum DType;
  const NbitsSizes s(in.attributes);
  if (s.n < 1 || s.k < 1 || s.n > kMostElements / s.k) return in.error("N and K must be positive, and not too large");
  if (s.bits != 2 && s.bits != 4 && s.bits != 8) return in.error("bits must be 2, 4 or 8");
  if (s.block < 16 || s.block > (1 << 16) || (s.block & (s.block - 1)) != 0)
    return in.error("block_size must be a power of two, 16 to 65536");
  VIVACE_TRY(same_types(in, {kScales, kBias}, kA));
  VIVACE_TRY(require_type(in, kWeights, {u8}));
  VIVACE_TRY(require_type(in, kGroups, {i32}));
  const bool packed = in.dtype(kZeros) == u8;
  if (in.has(kZeros) && !packed) VIVACE_TRY(same_types(in, {kZeros}, kA));
  VIVACE_TRY(holds(in, kWeights, s.n * s.row_bytes()));
  VIVACE_TRY(holds(in, kScales, s.n * s.blocks()));
  VIVACE_TRY(holds(in, kZeros, s.n * (packed ? s.zero_bytes() : s.blocks())));
  if (in.has(kBias)) VIVACE_TRY(is_vector(in, kBias, s.n));
  VIVACE_TRY(require_rank(in, kGroups, 1, 1));
  if (in.has(kGroups) && in.dims(kGroups)) {
    const ir::Dim& groups = (*in.dims(kGroups))[0];
    if (groups.known() && groups.value() < s.k) return in.error("g_idx has fewer than K elements");
  }
  if (!in.dims(kA)) return in.set_unknown_rank(0, in.dtype(kA)), Status();
  ir::Dims y = *in.dims(kA);
  if (y.empty()) return in.error("input 0 must have a dimension at least");
  if (y.back().known() && y.back().value() != s.k)
    return in.error("the rows of input 0 have " + y.back().to_string() + " elements; K is " + std::to_string(s.k));
  y.back() = s.n;
  in.set(0, in.dtype(kA), std::move(y));
  return {};
}

Status reference_matmul_nbits(Call& call) {
  const NbitsSizes s(call.attributes);
  const int64_t blocks = s.blocks(), per_byte = 8 / s.bits;
  const int mask = (1 << s.bits) - 1;
  const auto field = [&](const uint8_t* bytes, int64_t i) {
    return bytes[i / per_byte] >> (i % per_byte * s.bits) & mask;
  };
  std::vector<int64_t> group(static_cast<size_t>(s.k));
  for (int64_t k = 0; k < s.k; ++k) group[static_cast<size_t>(k)] = k / s.block;
  if (call.has(kGroups)) {
    const std::vector<int64_t> given = to_int64(call.input(kGroups));
    group.assign(given.begin(), given.begin() + s.k);
    for (const int64_t g : group)
      if (g < 0 || g >= blocks) return call.error("g_idx holds " + std::to_string(g) + ", which is no block");
  }
  const bool packed = call.has(kZeros) && call.input(kZeros).type == DType::u8;
  const auto* q = call.input(kWeights).as<const uint8_t>();
  const auto* packed_zeros = packed ? call.input(kZeros).as<const uint8_t>() : nullptr;
  return compute_in(call, call.input(kA).type, [&]<class W>() -> Status {
    const auto optional = [&](size_t i) { return Reader<W>::of(call.has(i) ? call.input(i) : TensorView{}); };
    VIVACE_ASSIGN(const auto a, optional(kA));
    VIVACE_ASSIGN(const auto scales, optional(kScales));
    VIVACE_ASSIGN(const auto zeros, Reader<W>::of(call.has(kZeros) && !packed ? call.input(kZeros) : TensorView{}));
    VIVACE_ASSIGN(const auto bias, optional(kBias));
    VIVACE_ASSIGN(const auto y, Writer<W>::of(call.output()));
    const int64_t rows = a.count() / s.k;
    in_parallel(call.pool, s.n, [&](int64_t n) {
      std::vector<W> w(static_cast<size_t>(s.k));
      for (int64_t k = 0; k < s.k; ++k) {
        const int64_t block = group[static_cast<size_t>(k)], at = n * blocks + block;
        const W zero = packed         ? static_cast<W>(field(packed_zeros + n * s.zero_bytes(), block))
                       : zeros.data() ? zeros[at]
                                      : static_cast<W>(1 << (s.bits - 1));
        w[static_cast<size_t>(k)] = (static_cast<W>(field(q + n * s.row_bytes(), k)) - zero) * scales[at];
      }
      for (int64_t r = 0; r < rows; ++r) {
        W sum = 0;
        for (int64_t k = 0; k < s.k; ++k) sum += a[r * s.k + k] * w[static_cast<size_t>(k)];
        y.data()[r * s.n + n] = bias.data() ? sum + bias[n] : sum;
      }
    });
    return y.store();
  });
}

}  // namespace vivace::ops
