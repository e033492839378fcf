#include "backends/cuda/layout.h"

#include <cstring>

#include "backends/cuda/lower.h"

namespace vivace::cuda {

Layout::Layout(const TensorInfo& info) : type_(info.type), shape_(info.shape), block_(info.channel_block) {
  if (info.present()) places_ = static_cast<int64_t>(info.bytes() / std::max<size_t>(byte_size(type_, 1), 1));
  if (!block_) return;
  channels_ = shape_[1];
  pixels_ = elements(std::span(shape_).subspan(2));
}

size_t Layout::place(size_t i) const {
  if (!block_) return i;
  const auto at = static_cast<int64_t>(i);
  const int64_t pixel = at % pixels_, channel = at / pixels_ % channels_, image = at / pixels_ / channels_;
  return static_cast<size_t>((image * pixels_ + pixel) * block_ + channel);
}

int64_t Layout::element(size_t place) const {
  const auto at = static_cast<int64_t>(place);
  if (!block_) return at;
  const int64_t channel = at % block_, pixel = at / block_ % pixels_, image = at / block_ / pixels_;
  if (channel < channels_) return (image * channels_ + channel) * pixels_ + pixel;
  const int64_t own = (channels_ + kChannelUnit - 1) / kChannelUnit * kChannelUnit;
  return channel < own ? kPad : kOther;
}

void Layout::scatter(const Tensor& row_major, std::byte* memory) const {
  if (!block_) {
    if (row_major.bytes()) std::memcpy(memory, row_major.data(), row_major.bytes());
    return;
  }
  const size_t unit = byte_size(type_, 1);
  for (size_t k = 0; k < places(); ++k) {
    const int64_t i = element(k);
    if (i >= 0) std::memcpy(memory + k * unit, row_major.as<std::byte>() + static_cast<size_t>(i) * unit, unit);
    if (i == kPad) std::memset(memory + k * unit, 0, unit);
  }
}

Result<Tensor> Layout::gather(const std::byte* memory) const {
  VIVACE_ASSIGN(Tensor made, Tensor::allocate(type_, shape_));
  const size_t unit = byte_size(type_, 1);
  if (!block_ && made.bytes()) std::memcpy(made.data(), memory, made.bytes());
  if (block_)
    for (size_t i = 0; i < static_cast<size_t>(made.count()); ++i)
      std::memcpy(made.as<std::byte>() + i * unit, memory + place(i) * unit, unit);
  return made;
}

bool Layout::pads_are_zero(const std::byte* memory) const {
  if (!block_) return true;
  const size_t unit = byte_size(type_, 1);
  for (size_t k = 0; k < places(); ++k) {
    if (element(k) != kPad) continue;
    for (size_t b = 0; b < unit; ++b) {
      const std::byte byte = memory[k * unit + b];
      if (byte != std::byte{0} && !(b + 1 == unit && byte == std::byte{0x80})) return false;  // -0 is a zero, too
    }
  }
  return true;
}

}  // namespace vivace::cuda
