// MatMulInteger, QLinearMatMul, ConvInteger, QLinearConv: sums of products of bytes, exact modulo 2^32, rounded once
// where the result is bytes again.
//
// Bytes are taken as signed ones: an unsigned byte has 128 less, and so has its zero point. Then
//   sum (a - za)(b - zb) = sum a b - zb sum a - za sum b + k za zb,
// in which every sum is one of four products an instruction (dp4a). A block of 256 threads makes 64 x 64 results, 4 x 4
// a thread, from words of four neighbours along k in shared memory.
#include <optional>
#include <utility>

#include "backends/cuda/rows/rows.h"
#include "ops/kernel.h"
#include "ops/patches.h"

namespace vivace::cuda {

namespace {

constexpr int kTile = 64;

// C[m, n] = A[m, k] B[k, n], for each z of the grid.
struct Product {
  bool convolves = false, quantizes = false;
  int64_t m = 1, n = 1, k = 1, batch = 1;
  size_t a = 0, b = 1, a_zero = 2, b_zero = 3, a_scale = 0, b_scale = 0, y_scale = 0, y_zero = 0, bias = SIZE_MAX;
  std::string a_matrix = "0", b_matrix = "0";  // which matrix of A and B belongs to z
  std::optional<ops::Patches> patches;
  int64_t channels = 1, groups = 1;  // of a convolution: input channels of a group
};

Verdict product_of(const Problem& p, Product& c) {
  const std::string& op = p.node->op;
  c.convolves = op == "ConvInteger" || op == "QLinearConv";
  c.quantizes = op == "QLinearConv" || op == "QLinearMatMul";
  if (c.quantizes)
    c.a = 0, c.a_scale = 1, c.a_zero = 2, c.b = 3, c.b_scale = 4, c.b_zero = 5, c.y_scale = 6, c.y_zero = 7;
  for (const std::vector<TensorInfo>* all : {&p.inputs, &p.outputs})
    for (const TensorInfo& t : *all)
      if (t.channel_block || elements(t.shape) > INT32_MAX) return no("row-major, fewer than 2^31 elements only");
  const auto is_one = [&](size_t i) { return elements(p.inputs[i].shape) == 1; };
  const Shape &x = p.inputs[c.a].shape, &w = p.inputs[c.b].shape, &y = p.outputs[0].shape;
  if (!c.convolves) {
    Shape a = x, b = w;
    if (a.size() == 1) a.insert(a.begin(), 1);
    if (b.size() == 1) b.push_back(1);
    c.m = a[a.size() - 2], c.k = a.back(), c.n = b.back();
    const Shape a_batch(a.begin(), a.end() - 2), b_batch(b.begin(), b.end() - 2);
    const auto batch = broadcast(a_batch, b_batch);
    if (!batch) return no("batches do not broadcast");
    c.batch = elements(*batch);
    c.a_matrix = strided_offset("z", *batch, ops::broadcast_strides(a_batch, batch->size()));
    c.b_matrix = strided_offset("z", *batch, ops::broadcast_strides(b_batch, batch->size()));
    // One number, or one for each line: of all matrices, or of each.
    const auto fits = [&](size_t i, int64_t lines, const Shape& matrices) {
      if (!p.has(i) || is_one(i)) return true;
      if (x.size() < 2 || w.size() < 2) return false;
      const int64_t all = elements(std::span(matrices).first(matrices.size() - 2)) * lines;
      return elements(p.inputs[i].shape) == (p.inputs[i].shape.size() > 1 ? all : lines);
    };
    bool all = fits(c.a_zero, c.m, x) && fits(c.b_zero, c.n, w);
    if (c.quantizes)
      all = all && fits(c.a_scale, c.m, y) && fits(c.b_scale, c.n, y) && fits(c.y_scale, c.m, y) &&
            fits(c.y_zero, c.m, y);
    return all ? yes() : no("scales or zero points that do not fit the matrices");
  }
  // A: the weights. B: what the taps of the kernel see.
  std::swap(c.a, c.b);
  std::swap(c.a_zero, c.b_zero);
  std::swap(c.a_scale, c.b_scale);
  if (op == "QLinearConv") c.bias = 8;
  const Result<ops::Window> window =
      ops::window_of(*p.node, ir::to_dims({x.begin() + 2, x.end()}), {w.begin() + 2, w.end()});
  if (!window.ok()) return no("its window does not fit");
  c.patches.emplace(Shape(x.begin() + 2, x.end()), Shape(y.begin() + 2, y.end()), *window);
  c.groups = p.attributes().integer("group", 1);
  c.channels = w[1];
  c.m = w[0] / c.groups, c.n = c.patches->positions(), c.k = w[1] * c.patches->taps(), c.batch = x[0] * c.groups;
  if (p.has(c.b_zero) && !is_one(c.b_zero)) return no("a zero point for each channel of the input");
  const auto fits = [&](size_t i) { return !p.has(i) || is_one(i) || elements(p.inputs[i].shape) == w[0]; };
  if (!fits(c.a_zero) ||
      (c.quantizes && (!fits(c.a_scale) || !is_one(c.b_scale) || !is_one(c.y_scale) || !is_one(c.y_zero))))
    return no("scales or zero points that do not fit the filters");
  return yes();
}

Verdict supports(const Problem& p, const Device&) {
  Product c;
  if (const Verdict verdict = product_of(p, c); !verdict) return verdict;
  if (c.batch > 65535 || (c.m + kTile - 1) / kTile > 65535) return no("more matrices than a grid takes");
  return yes();
}

// Where a zero point or scale of a line lies: `line` counts within the matrix, `matrix` the matrices it is of.
std::string line_index(const Problem& p, size_t input, const std::string& matrix, const std::string& lines,
                       const std::string& line) {
  if (elements(p.inputs[input].shape) == 1) return "0";
  return p.inputs[input].shape.size() > 1 ? "(" + matrix + ") * " + lines + " + " + line : line;
}

constexpr const char* kHelpers = R"(
// Four bytes as one signed word, the first lowest; sums of four products of such.
__device__ __forceinline__ int packed(int a, int b, int c, int d) {
  return (a & 255) | (b & 255) << 8 | (c & 255) << 16 | d << 24;
}
template <class T> __device__ __forceinline__ int centred(T x) { return (T)-1 < (T)0 ? (int)x : (int)x - 128; }
constexpr int kWords = 8;  // of four k each, in a stage
constexpr int kPitch = 65;
)";
constexpr const char* kProduct = R"(
  begin();
  __shared__ int as[kWords][kPitch], bs[kWords][kPitch];
  const int z = blockIdx.z, m0 = blockIdx.y * 64, n0 = blockIdx.x * 64;
  const int tm = threadIdx.x / 16 * 4, tn = threadIdx.x % 16 * 4;
  int sums[4][4] = {}, of_a[4] = {}, of_b[4] = {};
  for (int k0 = 0; k0 < kK; k0 += 4 * kWords) {
    for (int i = threadIdx.x; i < kWords * 64; i += 256) {
      {
        const int word = i % kWords, m = m0 + i / kWords, k = k0 + word * 4;
        int v[4] = {};
        if (m < kM)
          for (int j = 0; j < 4; ++j)
            if (k + j < kK) v[j] = centred(a[A_ELEMENT]);
        as[word][i / kWords] = packed(v[0], v[1], v[2], v[3]);
      }
      {
        const int word = i / 64, n = n0 + i % 64, k = k0 + word * 4;
        int v[4] = {};
        if (n < kN)
          for (int j = 0; j < 4; ++j)
            if (k + j < kK) v[j] = element_of_b(b, b_zero, z, k + j, n);
        bs[word][i % 64] = packed(v[0], v[1], v[2], v[3]);
      }
    }
    __syncthreads();
#pragma unroll
    for (int word = 0; word < kWords; ++word) {
      int x[4], y[4];
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        x[i] = as[word][tm + i];
        y[i] = bs[word][tn + i];
        if (kBZeros) of_a[i] = __dp4a(x[i], 0x01010101, of_a[i]);
        if (kAZeros) of_b[i] = __dp4a(y[i], 0x01010101, of_b[i]);
      }
#pragma unroll
      for (int i = 0; i < 4; ++i)
#pragma unroll
        for (int j = 0; j < 4; ++j) sums[i][j] = __dp4a(x[i], y[j], sums[i][j]);
    }
    __syncthreads();
  }
#pragma unroll
  for (int i = 0; i < 4; ++i)
#pragma unroll
    for (int j = 0; j < 4; ++j) {
      const int m = m0 + tm + i, n = n0 + tn + j;
      if (m >= kM || n >= kN) continue;
      const unsigned za = A_ZERO, zb = B_ZERO;
      finish(sums[i][j] - zb * of_a[i] - za * of_b[j] + kK * za * zb, z, m, n, REST);
    }
}
)";

constexpr const char* kMatrixElement = R"(
__device__ __forceinline__ int element_of_b(const B* b, const B*, int z, int k, int n) {
  return centred(b[((long long)(B_MATRIX) * kK + k) * kN + n]);
}
)";
// Outside the image lies the zero point.
std::string patch_element(const Product& c, bool zero) {
  const ops::Patches& patches = *c.patches;
  std::string text =
      "__device__ __forceinline__ int element_of_b(const B* b, const B* b_zero, int z, int k, int n) {\n  const int "
      "tap "
      "= k % kTaps;\n  int offset = z * kChannels + k / kTaps;\n  bool inside = true;\n";
  int64_t taps = patches.taps(), positions = patches.positions();
  for (size_t d = 0; d < patches.image.size(); ++d) {
    taps /= patches.kernel[d];
    positions /= patches.out[d];
    const auto number = [](int64_t v) { return std::to_string(v); };
    text += "  {\n    const int at = n / " + number(positions) + " % " + number(patches.out[d]) + " * " +
            number(patches.strides[d]) + " + tap / " + number(taps) + " % " + number(patches.kernel[d]) + " * " +
            number(patches.dilations[d]) + " - " + number(patches.pads[d]) +
            ";\n    inside = inside && at >= 0 && at < " + number(patches.image[d]) + ";\n    offset = offset * " +
            number(patches.image[d]) + " + at;\n  }\n";
  }
  return text + "  return inside ? centred(b[offset]) : " + (zero ? "centred(b_zero[0])" : "centred((B)0)") + ";\n}\n";
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  VIVACE_ASSIGN(const Product c, supported<product_of>(p));
  if (elements(p.outputs[0].shape) == 0) return Job();
  const DType y = p.outputs[0].type;
  const bool a_zeros = p.has(c.a_zero), b_zeros = p.has(c.b_zero);
  const bool a_signed = p.inputs[c.a].type == DType::i8, b_signed = p.inputs[c.b].type == DType::i8;
  // A filter's line in per-channel tensors: those of all groups lie one after the other.
  const std::string group_line = "z % kGroups * kM + m";
  const auto line = [&](size_t i, const std::string& matrix, bool rows) {
    if (c.convolves) return rows && elements(p.inputs[i].shape) > 1 ? group_line : std::string("0");
    return line_index(p, i, matrix, rows ? "kM" : "kN", rows ? "m" : "n");
  };
  Source s;
  s.add(prelude()).add(std::string("using A = ") + type_name(p.inputs[c.a].type) +
                       ";\nusing B = " + type_name(p.inputs[c.b].type) + ";\nusing Y = " + type_name(y) + ";\n");
  s.add(kHelpers);
  s.constant("kM", c.m).constant("kN", c.n).constant("kK", c.k).constant("kGroups", c.groups);
  s.constant("kAZeros", a_zeros || !a_signed).constant("kBZeros", b_zeros || !b_signed);
  s.add("#define A_ZERO " +
        std::string(a_zeros ? "centred(a_zero[" + line(c.a_zero, c.a_matrix, true) + "])" : "centred((A)0)") +
        "\n#define B_ZERO " +
        (b_zeros ? "centred(b_zero[" + line(c.b_zero, c.b_matrix, false) + "])" : "centred((B)0)") + "\n");
  s.add("#define A_ELEMENT ((long long)(" + (c.convolves ? std::string("z % kGroups") : c.a_matrix) +
        ") * kM + m) * kK + k + j\n");
  if (c.convolves) {
    s.constant("kChannels", c.channels).constant("kTaps", c.patches->taps()).add(patch_element(c, b_zeros));
  } else {
    s.add("#define B_MATRIX " + c.b_matrix + "\n").add(kMatrixElement);
  }
  // Images and groups follow one another in the result as z does.
  const std::string at = "((long long)z * kM + m) * kN + n";
  std::string parameters = "const A* __restrict__ a, const B* __restrict__ b, const A* a_zero, const B* b_zero, Y* y";
  Launch launch;
  const auto argument = [&](size_t i) { return input(static_cast<int>(p.has(i) ? i : 0)); };
  launch.arguments = {argument(c.a), argument(c.b), argument(c.a_zero), argument(c.b_zero), output()};
  if (!c.quantizes) {
    s.add("#define REST y\n__device__ __forceinline__ void finish(int sum, int z, int m, int n, Y* y) { y[" + at +
          "] = sum; }\n");
  } else {
    const auto scale_type = [&](size_t i) { return std::string(type_name(p.inputs[i].type)); };
    const bool bias = c.bias != SIZE_MAX && p.has(c.bias);
    const std::string more = ", const " + scale_type(c.a_scale) + "* a_scale, const " + scale_type(c.b_scale) +
                             "* b_scale, const " + scale_type(c.y_scale) +
                             "* y_scale, const Y* y_zero, const int* bias";
    parameters += more;
    for (const size_t i : {c.a_scale, c.b_scale, c.y_scale, c.y_zero}) launch.arguments.push_back(argument(i));
    launch.arguments.push_back(argument(bias ? c.bias : c.a));
    const auto scale = [&](const char* name, size_t i, bool rows) {
      return "to_float(" + std::string(name) + "[" + line(i, "z", rows) + "])";
    };
    // In the order of the reference: what a convolution sees has its scale first.
    const std::string a_scale = scale("a_scale", c.a_scale, true), b_scale = scale("b_scale", c.b_scale, false);
    const std::string first = c.convolves ? b_scale : a_scale, second = c.convolves ? a_scale : b_scale;
    s.real("kLow", y == DType::i8 ? -128.0f : 0.0f).real("kHigh", y == DType::i8 ? 127.0f : 255.0f);
    s.add("#define REST y, a_scale, b_scale, y_scale, y_zero, bias\n");
    s.add("__device__ __forceinline__ void finish(int sum, int z, int m, int n, Y* y" + more + ") {\n");
    if (bias) s.add("  sum = (int)((unsigned)sum + (unsigned)bias[" + group_line + "]);\n");
    s.add("  const float scale = " + first + " * " + second + " / " + scale("y_scale", c.y_scale, true) +
          ";\n  const float v = rintf((float)sum * scale) + (float)y_zero[" + line(c.y_zero, "z", true) + "];\n  y[" +
          at + "] = (Y)(int)(v > kLow ? fminf(v, kHigh) : kLow);\n}\n");
  }
  s.add("extern \"C\" __global__ void __launch_bounds__(256) product(" + parameters + ") {").add(kProduct);
  launch.name = "product";
  launch.source = s.text();
  launch.waits = true;
  launch.grid[0] = tiles(c.n, kTile);
  launch.grid[1] = tiles(c.m, kTile);
  launch.grid[2] = static_cast<unsigned>(c.batch);
  return job_of_one(std::move(launch));
}

double estimate(const Problem& p, const std::string&, const Device& device) {
  Product c;
  if (!product_of(p, c)) return 1;
  const double work = 2.0 * static_cast<double>(c.m) * static_cast<double>(c.n) * static_cast<double>(c.k);
  return roofline_seconds(work * static_cast<double>(c.batch), cpu::bytes_of(p), 0.5, device);
}

}  // namespace

extern const Tactic integer_product_tactic{
    .name = "cuda_integer_product",
    .version = 1,
    .operators = {"MatMulInteger", "QLinearMatMul", "ConvInteger", "QLinearConv"},
    .supports = supports,
    .estimate = estimate,
    .generate = generate,
};

}  // namespace vivace::cuda
