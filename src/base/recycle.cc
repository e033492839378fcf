#include "base/recycle.h"

#include <cstdlib>
#include <mutex>
#include <vector>

namespace vivace {

namespace {

constexpr size_t kSmallest = 64 << 10;  // below, malloc keeps pages by itself
constexpr size_t kMost = 64 << 20;      // bytes kept in all

class Store {
 public:
  /// A block of exactly so many bytes, or null.
  void* take(size_t bytes) {
    const std::lock_guard lock(mutex_);
    for (size_t i = blocks_.size(); i-- > 0;)
      if (blocks_[i].bytes == bytes) {
        void* data = blocks_[i].data;
        blocks_.erase(blocks_.begin() + static_cast<ptrdiff_t>(i));
        kept_ -= bytes;
        return data;
      }
    return nullptr;
  }
  void give(void* data, size_t bytes) {
    if (bytes > kMost) return std::free(data);
    const std::lock_guard lock(mutex_);
    while (kept_ + bytes > kMost) {  // the oldest go
      kept_ -= blocks_.front().bytes;
      std::free(blocks_.front().data);
      blocks_.erase(blocks_.begin());
    }
    blocks_.push_back({data, bytes});
    kept_ += bytes;
  }

 private:
  struct Block {
    void* data;
    size_t bytes;
  };
  std::mutex mutex_;
  std::vector<Block> blocks_;
  size_t kept_ = 0;
};

Store& store() {
  static Store& all = *new Store;  // never destroyed: tensors may outlive static objects
  return all;
}

}  // namespace

Result<Tensor> allocate_unset(DType type, Shape shape) {
  const std::optional<int64_t> count = checked_elements(shape);
  const bool plain = type != DType::undefined && type != DType::string && type != DType::list;
  if (!plain || !count || *count > (int64_t{1} << 56)) return Tensor::allocate(type, std::move(shape));
  const size_t bytes = (byte_size(type, *count) + kAlignment) / kAlignment * kAlignment;  // one spare line at least
  void* data = bytes >= kSmallest ? store().take(bytes) : nullptr;
  if (!data) data = std::aligned_alloc(kAlignment, bytes);
  if (!data) return Status(Code::out_of_memory, "no memory for a tensor of " + std::to_string(bytes) + " bytes");
  return Tensor::wrap(type, std::move(shape), data, std::shared_ptr<void>(data, [bytes](void* block) {
                        if (bytes >= kSmallest)
                          store().give(block, bytes);
                        else
                          std::free(block);
                      }));
}

}  // namespace vivace
