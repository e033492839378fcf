// MaxUnpool, Col2Im: from windows back to the image.
#include "backends/cuda/rows/elementwise.h"
#include "backends/cuda/rows/move.h"
#include "backends/cuda/rows/sets.h"
#include "ops/patches.h"

namespace vivace::cuda {

namespace {

// What MaxUnpool's indices count through: the shape that follows from the window, whatever the output's.
Verdict unpooled_of(const Problem& p, Shape& counted) {
  if (p.node->op != "MaxUnpool") return no("another operator");
  if (const Verdict verdict = movable(p.inputs[0]); !verdict) return verdict;
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if (y.channel_block || elements(y.shape) > kMostElements) return no("row-major, fewer than 2^31 elements");
  const Shape image(x.shape.begin() + 2, x.shape.end());
  const Result<ops::Window> w = ops::window_of(*p.node, ir::to_dims(image), p.attributes().integers("kernel_shape"));
  if (!w.ok()) return no(w.status().message());
  counted = {x.shape[0], x.shape[1]};
  for (size_t d = 0; d < image.size(); ++d)
    counted.push_back((image[d] - 1) * w->strides[d] + w->kernel[d] - w->pads[d] - w->pads[image.size() + d]);
  const std::optional<int64_t> count = checked_elements(counted);
  if (!count || *count > kMostElements) return no("more than 2^31 elements");
  return yes();
}

// Where several elements go to one place the last stays, whatever the order of threads.
constexpr const char* kUnpool = R"(
extern "C" __global__ void __launch_bounds__(256) clear(int* from) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i < kOutputs) from[i] = -1;
}
extern "C" __global__ void __launch_bounds__(256) choose(const long long* __restrict__ indices, int* from,
    unsigned* fault) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kInputs) return;
  const long long index = indices[i];
  if (index < 0 || index >= kCounted) {
    *fault = 1;
    return;
  }
  const int at = (int)index;
  atomicMax(from + (PLACE), i);
}
extern "C" __global__ void __launch_bounds__(256) unpool(const T* __restrict__ x, const int* __restrict__ from,
    T* __restrict__ y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i < kOutputs) y[i] = from[i] < 0 ? T{} : x[from[i]];
}
)";

Result<Job> unpool(const Problem& p) {
  VIVACE_ASSIGN(const Shape counted, supported<unpooled_of>(p));
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  const int64_t inputs = elements(x.shape), outputs = elements(y.shape);
  if (outputs == 0) return Job();
  Source source;
  source.add(prelude()).add(std::string("using T = ") + unsigned_name(element_bytes(y)) + ";\n");
  source.constant("kInputs", inputs).constant("kOutputs", outputs).constant("kCounted", elements(counted));
  source.add("#define PLACE " + strided_offset("at", counted, strides_of(y.shape)) + "\n").add(kUnpool);
  Job job;
  job.workspace = static_cast<size_t>(outputs) * sizeof(int32_t);
  job.fault = "an index is outside the image";
  const auto add = [&](const char* name, int64_t threads, std::vector<Argument> arguments) {
    job.launches.push_back(launch_of(name, source.text(), threads, std::move(arguments)));
  };
  add("clear", outputs, {workspace()});
  if (inputs > 0) add("choose", inputs, {input(1), workspace(), fault()});
  add("unpool", outputs, {input(0), workspace(), output()});
  return job;
}

// Col2Im: the windows over the image.
struct Fold {
  Shape image, kernel, out;
  ops::Window window;
};

Verdict fold_of(const Problem& p, Fold& fold) {
  if (p.node->op != "Col2Im") return no("another operator");
  const TensorInfo &x = p.inputs[0], &y = p.outputs[0];
  if ((!is_float(x.type) && !is_integer(x.type)) || !type_name(x.type) || x.channel_block || y.channel_block)
    return no("row-major numbers only");
  if (elements(x.shape) > kMostElements || elements(y.shape) > kMostElements) return no("more than 2^31 elements");
  if (!p.has(2) || !p.inputs[2].constant) return no("the size of a window is not constant");
  fold.image.assign(y.shape.begin() + 2, y.shape.end());
  fold.kernel = to_int64(*p.inputs[2].constant);
  const Result<ir::Dims> out = ops::window_outputs(*p.node, ir::to_dims(fold.image), fold.kernel, false);
  if (!out.ok()) return no(out.status().message());
  fold.out = *ir::to_shape(*out);
  Result<ops::Window> window = ops::window_of(*p.node, ir::to_dims(fold.image), fold.kernel);
  if (!window.ok()) return no(window.status().message());
  fold.window = *std::move(window);
  return yes();
}

// Each pixel collects from the windows over it, in the order of their taps.
Result<Job> fold(const Problem& p) {
  VIVACE_ASSIGN(const Fold f, supported<fold_of>(p));
  const Shape& y = p.outputs[0].shape;
  const DType type = p.inputs[0].type;
  if (elements(y) == 0) return Job();
  Source source;
  source.add(prelude()).add(element_helpers()).add(std::string("using T = ") + type_name(type) + ";\n");
  source.add(std::string("using W = ") +
             (is_float(type) ? type == DType::f64 ? "double" : "float" : "unsigned long long") + ";\n");
  source.constant("kElements", elements(y)).constant("kPixels", elements(f.image));
  source.constant("kTaps", elements(f.kernel)).constant("kWindows", elements(f.out));
  source.add(R"(
extern "C" __global__ void __launch_bounds__(256) fold(const T* __restrict__ x, T* __restrict__ y) {
  begin();
  const int i = blockIdx.x * 256 + threadIdx.x;
  if (i >= kElements) return;
  const T* const columns = x + (long long)(i / kPixels) * kTaps * kWindows;
  W sum = 0;
)");
  const Shape pixels = strides_of(f.image);
  std::string tap = "0", window = "0", indent = "  ";
  for (size_t d = 0; d < f.image.size(); ++d) {
    const std::string k = "k" + std::to_string(d), at = "at" + std::to_string(d);
    const auto text = [](int64_t n) { return std::to_string(n); };
    source.add(indent + "for (int " + k + " = 0; " + k + " < " + text(f.kernel[d]) + "; ++" + k + ") {\n");
    indent += "  ";
    source.add(indent + "const int " + at + " = i / " + text(pixels[d]) + " % " + text(f.image[d]) + " + " +
               text(f.window.pads[d]) + " - " + k + " * " + text(f.window.dilations[d]) + ";\n");
    source.add(indent + "if (" + at + " < 0 || " + at + " % " + text(f.window.strides[d]) + " != 0 || " + at + " / " +
               text(f.window.strides[d]) + " >= " + text(f.out[d]) + ") continue;\n");
    tap = "(" + tap + ") * " + text(f.kernel[d]) + " + " + k;
    window = "(" + window + ") * " + text(f.out[d]) + " + " + at + " / " + text(f.window.strides[d]);
  }
  source.add(indent + "sum += (W)wide(columns[(long long)(" + tap + ") * kWindows + " + window + "]);\n");
  for (size_t d = 0; d < f.image.size(); ++d) {
    indent.resize(indent.size() - 2);
    source.add(indent + "}\n");
  }
  source.add("  y[i] = narrow<T>(sum);\n}\n");
  Launch launch;
  launch.name = "fold";
  launch.source = source.text();
  launch.waits = true;
  launch.grid[0] = blocks_for(elements(y), launch.block);
  launch.arguments = {input(0), output()};
  return job_of_one(std::move(launch));
}

Verdict supports(const Problem& p, const Device&) {
  Shape counted;
  Fold f;
  return p.node->op == "MaxUnpool" ? unpooled_of(p, counted) : fold_of(p, f);
}

Result<Job> generate(const Problem& p, const std::string&, const Device&) {
  return p.node->op == "MaxUnpool" ? unpool(p) : fold(p);
}

}  // namespace

extern const Tactic unpool_tactic{
    .name = "cuda_unpool",
    .version = 1,
    .operators = {"MaxUnpool", "Col2Im"},
    .supports = supports,
    .estimate = estimate_bytes<200>,
    .generate = generate,
};

}  // namespace vivace::cuda
