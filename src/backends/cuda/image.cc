#include "backends/cuda/image.h"

#include <cstring>
#include <string_view>

#include "base/hash.h"

namespace vivace::cuda {

namespace {

constexpr std::string_view kMark = "vivace kernel ";

// The key of a tensor that is an image; empty where it is another constant.
std::string_view key_of(const Tensor& tensor, size_t key_bytes) {
  if (tensor.type() != DType::u8 || tensor.bytes() < kMark.size() + key_bytes) return {};
  const std::string_view text(tensor.as<const char>(), tensor.bytes());
  return text.starts_with(kMark) ? text.substr(kMark.size(), key_bytes) : std::string_view();
}

}  // namespace

std::string image_key(const Launch& launch, const std::string& architecture) {
  const std::string text = architecture + "\n" + launch.source;
  return to_hex(hash_bytes(text.data(), text.size()));
}

Tensor pack_image(const std::string& key, const std::string& code) {
  const std::string text = std::string(kMark) + key + code;
  return Tensor::of<uint8_t>(std::vector<uint8_t>(text.begin(), text.end()));
}

std::string find_image(const std::vector<Tensor>& packed, const std::string& key) {
  for (const Tensor& tensor : packed) {
    if (key_of(tensor, key.size()) != key) continue;
    const size_t begin = kMark.size() + key.size();
    return {tensor.as<const char>() + begin, tensor.bytes() - begin};
  }
  return {};
}

std::vector<Tensor> without_images(const std::vector<Tensor>& packed) {
  std::vector<Tensor> rest;
  for (const Tensor& tensor : packed)
    if (key_of(tensor, 0).data() == nullptr) rest.push_back(tensor);
  return rest;
}

}  // namespace vivace::cuda
