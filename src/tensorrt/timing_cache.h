// ITimingCache over the builder's own cache: the bytes of one are the file of the other.
#pragma once

#include <memory>

#include "NvInfer.h"
#include "builder/timing_cache.h"

namespace vivace::tensorrt {

class TimingCache final : public nvinfer1::ITimingCache {
 public:
  /// Null where the bytes are no timing cache of this version.
  static std::unique_ptr<TimingCache> from_bytes(const void* blob, std::size_t size);

  nvinfer1::IHostMemory* serialize() const noexcept override;
  bool combine(const nvinfer1::ITimingCache& input, bool ignore_mismatch) noexcept override;
  bool reset() noexcept override;
  int64_t queryKeys(nvinfer1::TimingCacheKey* keys, int64_t capacity) const noexcept override;
  nvinfer1::TimingCacheValue query(const nvinfer1::TimingCacheKey& key) const noexcept override;
  bool update(const nvinfer1::TimingCacheKey& key, const nvinfer1::TimingCacheValue& value) noexcept override;

  const std::shared_ptr<builder::TimingCache>& entries() const { return entries_; }

 private:
  std::shared_ptr<builder::TimingCache> entries_ = std::make_shared<builder::TimingCache>();
};

}  // namespace vivace::tensorrt
