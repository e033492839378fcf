#include "base/tensor.h"

#include <cstdlib>
#include <cstring>
#include <new>
#include <stdexcept>

namespace vivace {

namespace {
// Memory for elements that are objects, in an owner that destroys them; none where there is not so much.
template <class T>
std::shared_ptr<std::vector<T>> objects(int64_t count) {
  try {
    return std::make_shared<std::vector<T>>(static_cast<size_t>(count));
  } catch (const std::bad_alloc&) {
    return nullptr;
  } catch (const std::length_error&) {
    return nullptr;
  }
}
}  // namespace

Result<Tensor> Tensor::allocate(DType type, Shape shape) {
  const std::optional<int64_t> count = checked_elements(shape);
  if (type == DType::undefined) return Status(Code::invalid_argument, "a tensor needs an element type");
  if (!count || *count > (int64_t{1} << 56))
    return Status(Code::invalid_argument, "a tensor of " + to_string(shape) + " elements is too large to hold");
  Tensor t;
  t.view_ = {type, std::move(shape), nullptr};
  const auto own = [&](auto made) -> Result<Tensor> {
    if (!made)
      return Status(Code::out_of_memory, "no memory for " + std::to_string(*count) + " elements that are objects");
    t.view_.data = made->data();
    t.owner_ = std::move(made);
    return std::move(t);
  };
  if (type == DType::string) return own(objects<std::string>(*count));
  if (type == DType::list) return own(objects<Tensor>(*count));
  const size_t bytes = (byte_size(type, *count) + kAlignment) / kAlignment * kAlignment;  // one spare line at least
  void* data = std::aligned_alloc(kAlignment, bytes);
  if (!data) return Status(Code::out_of_memory, "no memory for a tensor of " + std::to_string(bytes) + " bytes");
  std::memset(data, 0, bytes);
  t.view_.data = data;
  t.owner_ = std::shared_ptr<void>(data, std::free);
  return t;
}

Tensor Tensor::wrap(DType type, Shape shape, void* data, std::shared_ptr<void> owner) {
  Tensor t;
  t.view_ = {type, std::move(shape), data};
  t.owner_ = std::move(owner);
  return t;
}

Tensor Tensor::list(std::vector<Tensor> elements) {
  auto owner = std::make_shared<std::vector<Tensor>>(std::move(elements));
  void* data = owner->data();
  const auto count = static_cast<int64_t>(owner->size());
  return wrap(DType::list, {count}, data, std::move(owner));
}

Tensor Tensor::reshaped(Shape shape) const { return wrap(type(), std::move(shape), data(), owner_); }

std::vector<int64_t> to_int64(const TensorView& view) {
  std::vector<int64_t> out;
  visit_dtype<int64_t, int32_t, int16_t, int8_t, uint64_t, uint32_t, uint16_t, uint8_t, bool>(
      view.type, [&]<class T>() {
        for (const T v : view.span<const T>()) out.push_back(static_cast<int64_t>(v));
      });
  return out;
}

std::vector<double> to_double(const TensorView& view) {
  std::vector<double> out;
  visit_dtype<float, double, Float16, BFloat16>(view.type, [&]<class T>() {
    for (const T v : view.span<const T>()) out.push_back(static_cast<double>(static_cast<Wide<T>>(v)));
  });
  return out;
}

}  // namespace vivace
