// nvinfer1::utils: rearrangement of weights in memory.
#include <cstring>
#include <vector>

#include "NvUtils.h"
#include "base/dtype.h"
#include "base/shape.h"
#include "tensorrt/types.h"

namespace nvinfer1::utils {

namespace {

// Bytes of one element; 0 for types of less than a byte, which cannot be moved one by one.
size_t element_bytes(DataType type) {
  const int bits = vivace::bits_of(vivace::tensorrt::to_dtype(type));
  return bits % 8 == 0 ? static_cast<size_t>(bits / 8) : 0;
}

template <class F>
bool without_exceptions(F&& body) noexcept {
  try {
    return body();
  } catch (...) {  // only memory can run out
    return false;
  }
}

bool is_order(const int32_t* order, int32_t count) {
  std::vector<bool> seen(static_cast<size_t>(count));
  for (int32_t i = 0; i < count; ++i) {
    if (order[i] < 0 || order[i] >= count || seen[static_cast<size_t>(order[i])]) return false;
    seen[static_cast<size_t>(order[i])] = true;
  }
  return true;
}

}  // namespace

TENSORRTAPI bool reshapeWeights(Weights const& input, int32_t const* shape, int32_t const* order, void* data,
                                int32_t dims) noexcept {
  return without_exceptions([&] {
    const size_t bytes = element_bytes(input.type);
    if (!input.values || !shape || !order || !data || dims < 1 || bytes == 0 || !is_order(order, dims)) return false;
    const vivace::Shape from(shape, shape + dims);
    const auto count = vivace::checked_elements(from);
    if (!count || *count != input.count) return false;
    const vivace::Shape strides = vivace::strides_of(from);
    vivace::Shape index(from.size());
    const auto* source = static_cast<const char*>(input.values);
    auto* to = static_cast<char*>(data);
    for (int64_t i = 0; i < *count; ++i, to += bytes) {
      int64_t at = 0;
      for (size_t d = 0; d < index.size(); ++d) at += index[d] * strides[static_cast<size_t>(order[d])];
      std::memcpy(to, source + static_cast<size_t>(at) * bytes, bytes);
      for (size_t d = index.size(); d-- > 0;) {
        if (++index[d] < from[static_cast<size_t>(order[d])]) break;
        index[d] = 0;
      }
    }
    return true;
  });
}

TENSORRTAPI bool reorderSubBuffers(void* input, int32_t const* order, int32_t num, int32_t size) noexcept {
  return without_exceptions([&] {
    if (!input || !order || num < 0 || size < 0 || !is_order(order, num)) return false;
    const auto bytes = static_cast<size_t>(size);
    auto* to = static_cast<char*>(input);
    const std::vector<char> before(to, to + static_cast<size_t>(num) * bytes);
    for (int32_t i = 0; i < num; ++i)
      std::memcpy(to + static_cast<size_t>(i) * bytes, before.data() + static_cast<size_t>(order[i]) * bytes, bytes);
    return true;
  });
}

TENSORRTAPI bool transposeSubBuffers(void* input, DataType type, int32_t num, int32_t height, int32_t width) noexcept {
  return without_exceptions([&] {
    const size_t bytes = element_bytes(type);
    if (!input || num < 0 || height < 0 || width < 0 || bytes == 0) return false;
    const auto h = static_cast<size_t>(height), w = static_cast<size_t>(width);
    std::vector<char> before(h * w * bytes);
    auto* at = static_cast<char*>(input);
    for (int32_t i = 0; i < num; ++i, at += before.size()) {
      std::memcpy(before.data(), at, before.size());
      for (size_t y = 0; y < h; ++y)
        for (size_t x = 0; x < w; ++x)
          std::memcpy(at + (x * h + y) * bytes, before.data() + (y * w + x) * bytes, bytes);
    }
    return true;
  });
}

}  // namespace nvinfer1::utils
