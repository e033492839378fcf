// Layers with a window that moves over 2 or 3 spatial dimensions, the last ones.
#include <algorithm>
#include <optional>

#include "tensorrt/layers/layers.h"

namespace vivace::tensorrt {

using namespace nvinfer1;

namespace {

// The channels of `x`, or what the weights' count says where that is not known.
int64_t channels_of(Build& b, const ir::Value* x, int64_t otherwise) {
  const ir::Dims dims = b.dims(x);
  return dims.size() > 1 && dims[1].known() ? dims[1].value() : otherwise;
}

Shape with_spatial(std::initializer_list<int64_t> front, const Dims& kernel) {
  Shape shape = front;
  for (const int64_t size : to_vector(kernel)) shape.push_back(size);
  return shape;
}

// Beside an implicit batch, images may have one dimension before their channels: it and the batch are one meanwhile.
class Images {
 public:
  Images(Build& b, const Dims& window) : b_(b), x_(b.in()) {
    const ir::Dims dims = b.dims(x_);
    if (!b.ok() || !b.batch() || dims.size() != static_cast<size_t>(std::max(0, window.nbDims)) + 3) return;
    if (const std::optional<std::vector<int64_t>> sizes = known(dims, 1)) {
      inner_ = sizes->front();
      std::vector<int64_t> shape(sizes->begin(), sizes->end());
      shape.front() = -1;
      x_ = b.reshape(x_, std::move(shape));
    }
  }
  ir::Value* input() const { return x_; }
  ir::Value* apart(ir::Value* y) const {
    if (!b_.ok() || inner_ < 0) return y;
    const std::optional<std::vector<int64_t>> sizes = known(b_.dims(y), 1);
    if (!sizes) return y;
    std::vector<int64_t> shape{-1, inner_};
    shape.insert(shape.end(), sizes->begin(), sizes->end());
    return b_.reshape(y, std::move(shape));
  }

 private:
  static std::optional<std::vector<int64_t>> known(const ir::Dims& dims, size_t from) {
    std::vector<int64_t> sizes;
    for (size_t i = from; i < dims.size(); ++i) {
      if (!dims[i].known()) return {};
      sizes.push_back(dims[i].value());
    }
    return sizes;
  }
  Build& b_;
  ir::Value* x_;
  int64_t inner_ = -1;
};

}  // namespace

template <class Interface>
ir::Attributes WindowLayer<Interface>::attributes(Build& b, const ir::Value* x, const Dims& kernel,
                                                  const Dims& dilation, bool extend) {
  const size_t spatial = static_cast<size_t>(std::max(0, kernel.nbDims));
  const int rank = b.rank(x);
  if (b.ok() && rank != static_cast<int>(spatial) + 2)
    b.fail("its window has " + std::to_string(spatial) + " dimensions; its input needs " +
           std::to_string(spatial + 2 - static_cast<size_t>(b.batch())) + ", not " + std::to_string(rank - b.batch()));
  std::vector<int64_t> strides = to_vector(stride), pads = to_vector(pre_padding), post = to_vector(post_padding);
  // Caffe pads both sides alike.
  if (padding_mode == PaddingMode::kCAFFE_ROUND_DOWN || padding_mode == PaddingMode::kCAFFE_ROUND_UP) post = pads;
  const std::vector<int64_t> sizes = to_vector(kernel), dilations = to_vector(dilation);
  if (b.ok() && (strides.size() != spatial || pads.size() != spatial || post.size() != spatial))
    b.fail("stride and padding need as many dimensions as the window");
  if (!b.ok()) return {};
  if (std::any_of(strides.begin(), strides.end(), [](int64_t s) { return s <= 0; })) b.fail("a stride is not above 0");
  ir::Attributes made{{"strides", strides}};
  switch (padding_mode) {
    case PaddingMode::kSAME_UPPER: made["auto_pad"] = std::string("SAME_UPPER"); return made;
    case PaddingMode::kSAME_LOWER: made["auto_pad"] = std::string("SAME_LOWER"); return made;
    case PaddingMode::kEXPLICIT_ROUND_UP:
    case PaddingMode::kCAFFE_ROUND_UP: {
      if (!extend) {
        made["ceil_mode"] = int64_t{1};
        break;
      }
      const ir::Dims dims = b.dims(x);
      for (size_t i = 0; i < spatial; ++i) {
        if (!dims[2 + i].known()) {
          b.fail("rounding up needs known spatial dimensions");
          break;
        }
        const int64_t reach = (sizes[i] - 1) * (dilations.empty() ? 1 : dilations[i]) + 1;
        const int64_t room = dims[2 + i].value() + pads[i] + post[i] - reach;
        if (room > 0 && room % strides[i]) post[i] += strides[i] - room % strides[i];
      }
      break;
    }
    default: break;
  }
  pads.insert(pads.end(), post.begin(), post.end());
  made["pads"] = std::move(pads);
  return made;
}

template <class Interface>
void KernelLayer<Interface>::emit_as(Build& b, const char* op, bool transposed) {
  const Images images(b, kernel);
  ir::Value* const x = images.input();
  ir::Attributes a = this->attributes(b, x, kernel, dilation, !transposed);
  if (transposed) a.erase("ceil_mode");
  a["dilations"] = to_vector(dilation);
  a["group"] = groups;
  if (b.ok() && (groups <= 0 || maps % groups))
    b.fail(std::to_string(maps) + " output maps do not divide into " + std::to_string(groups) + " groups");
  if (!b.ok()) return;
  ir::Value *w = nullptr, *bias = nullptr;
  if (b.has(1)) {
    w = b.cast_like(b.in(1), x);
  } else {
    const int64_t window = elements(to_vector(kernel));
    const int64_t counted = transposed ? kernel_weights.count / std::max<int64_t>(1, maps / groups * window)
                                       : kernel_weights.count / std::max<int64_t>(1, maps * window) * groups;
    const int64_t inputs = channels_of(b, x, counted);
    const Shape shape =
        transposed ? with_spatial({inputs, maps / groups}, kernel) : with_spatial({maps, inputs / groups}, kernel);
    w = b.weights(kernel_weights, shape, x, "kernel");
    if (b.ok() && !w) b.fail("it has no kernel weights");
  }
  bias = b.has(2) ? b.cast_like(b.in(2), x) : b.weights(bias_weights, {maps}, x, "bias");
  b.out(images.apart(b.add(op, {x, w, bias}, std::move(a))));
}

void ConvolutionLayer::emit(Build& b) { emit_as(b, "Conv", false); }
void DeconvolutionLayer::emit(Build& b) { emit_as(b, "ConvTranspose", true); }

void PoolingLayer::emit(Build& b) {
  const Images images(b, window);
  ir::Value* const x = images.input();
  ir::Attributes a = attributes(b, x, window, no_dims(), false);
  a["kernel_shape"] = to_vector(window);
  const auto pool = [&](bool average) {
    ir::Attributes own = a;
    if (average) own["count_include_pad"] = int64_t{!exclusive};
    return b.add(average ? "AveragePool" : "MaxPool", {x}, std::move(own));
  };
  if (kind != PoolingType::kMAX_AVERAGE_BLEND) return b.out(images.apart(pool(kind == PoolingType::kAVERAGE)));
  ir::Value* const most = b.add("Mul", {pool(false), b.real(1 - static_cast<double>(blend), x)});
  ir::Value* const mean = b.add("Mul", {pool(true), b.real(blend, x)});
  b.out(images.apart(b.add("Add", {most, mean})));
}

// The last three dimensions as a row, times the transposed kernel; the output has K, 1, 1 in their place.
void FullyConnectedLayer::emit(Build& b) {
  ir::Value* const x = b.in();
  const int rank = b.rank(x);
  if (b.ok() && rank < 3) b.fail("its input needs 3 dimensions or more");
  if (!b.ok()) return;
  ir::Value* const rows = b.add("Flatten", {x}, {{"axis", static_cast<int64_t>(rank - 3)}});
  const ir::Dims dims = b.dims(rows);
  if (!b.ok()) return;
  const int64_t inputs = dims[1].known() ? dims[1].value() : kernel_weights.count / std::max(1, channels);
  ir::Value* const w =
      b.has(1) ? b.reshape(b.in(1), {channels, -1}) : b.weights(kernel_weights, {channels, inputs}, x, "kernel");
  ir::Value* const bias = b.has(2) ? b.reshape(b.in(2), {channels}) : b.weights(bias_weights, {channels}, x, "bias");
  if (b.ok() && !w) b.fail("it has no kernel weights");
  ir::Value* const y = b.add("Gemm", {rows, w, bias}, {{"transB", int64_t{1}}});
  if (rank == 4) return b.out(b.reshape(y, {0, channels, 1, 1}));
  if (!b.ok()) return;
  ir::Value* const front = b.add("Shape", {x}, {{"start", int64_t{0}}, {"end", static_cast<int64_t>(rank - 3)}});
  ir::Value* const to = b.add("Concat", {front, b.ints({channels, 1, 1})}, {{"axis", int64_t{0}}});
  b.out(b.add("Reshape", {y, to}));
}

void PaddingLayer::emit(Build& b) {
  ir::Value* const x = b.in();
  const int rank = b.rank(x);
  if (b.ok() && (rank < 2 || pre.nbDims != 2 || post.nbDims != 2)) b.fail("it pads 2 dimensions");
  if (!b.ok()) return;
  std::vector<int64_t> pads = to_vector(pre);
  for (const int64_t amount : to_vector(post)) pads.push_back(amount);
  b.out(b.add("Pad", {x, b.ints(pads), nullptr, b.ints({rank - 2, rank - 1})}));
}

}  // namespace vivace::tensorrt
