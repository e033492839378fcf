#include "tensorrt/timing_cache.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "base/hash.h"
#include "tensorrt/host_memory.h"

namespace vivace::tensorrt {

namespace {

// Clients name an entry by sixteen bytes; ours are named by text, whose hash these are.
nvinfer1::TimingCacheKey key_of(const std::string& name) {
  const uint64_t halves[2] = {hash_bytes(name.data(), name.size()), hash_bytes(name.data(), name.size(), 1)};
  nvinfer1::TimingCacheKey key;
  static_assert(sizeof(key.data) == sizeof(halves));
  std::memcpy(key.data, halves, sizeof(halves));
  return key;
}

bool same(const nvinfer1::TimingCacheKey& a, const nvinfer1::TimingCacheKey& b) {
  return std::memcmp(a.data, b.data, sizeof(a.data)) == 0;
}

// What a client may compare: which tactic the time is of.
uint64_t tactic_hash(const std::string& name) { return hash_bytes(name.data(), name.size()); }

std::optional<std::pair<std::string, double>> find(const builder::TimingCache& cache,
                                                   const nvinfer1::TimingCacheKey& key) {
  for (auto& [name, seconds] : cache.entries())
    if (same(key_of(name), key)) return std::pair(name, seconds);
  return std::nullopt;
}

template <class F, class T>
T without_exceptions(F&& body, T otherwise) noexcept {
  try {
    return body();
  } catch (...) {  // only memory can run out
    return otherwise;
  }
}

}  // namespace

std::unique_ptr<TimingCache> TimingCache::from_bytes(const void* blob, std::size_t size) {
  auto made = std::make_unique<TimingCache>();
  if (!blob || size == 0) return made;
  if (!made->entries_->add_text(std::string(static_cast<const char*>(blob), size)).ok()) return nullptr;
  return made;
}

nvinfer1::IHostMemory* TimingCache::serialize() const noexcept {
  return without_exceptions(
      [&]() -> nvinfer1::IHostMemory* {
        const std::string text = entries_->to_text();
        const auto* from = reinterpret_cast<const std::byte*>(text.data());
        return new HostMemory({from, from + text.size()});
      },
      static_cast<nvinfer1::IHostMemory*>(nullptr));
}

// Entries name the machine they were taken on, so those of another one never mix with ours: nothing can mismatch.
bool TimingCache::combine(const nvinfer1::ITimingCache& input, bool /*ignore_mismatch*/) noexcept {
  return without_exceptions(
      [&] { return entries_->merge(*static_cast<const TimingCache&>(input).entries_), true; }, false);
}

bool TimingCache::reset() noexcept {
  return without_exceptions([&] { return entries_->clear(), true; }, false);
}

int64_t TimingCache::queryKeys(nvinfer1::TimingCacheKey* keys, int64_t capacity) const noexcept {
  return without_exceptions(
      [&]() -> int64_t {
        if (capacity < 0 || (capacity > 0 && !keys)) return -1;
        const auto entries = entries_->entries();
        if (keys) {
          int64_t i = 0;
          for (auto at = entries.begin(); at != entries.end() && i < capacity; ++at) keys[i++] = key_of(at->first);
        }
        return static_cast<int64_t>(entries.size());
      },
      int64_t{-1});
}

nvinfer1::TimingCacheValue TimingCache::query(const nvinfer1::TimingCacheKey& key) const noexcept {
  const nvinfer1::TimingCacheValue none{nvinfer1::TimingCacheValue::kINVALID_TACTIC_HASH, -1.0F};
  return without_exceptions(
      [&] {
        const auto found = find(*entries_, key);
        return found ? nvinfer1::TimingCacheValue{tactic_hash(found->first), static_cast<float>(found->second * 1e3)}
                     : none;
      },
      none);
}

bool TimingCache::update(const nvinfer1::TimingCacheKey& key, const nvinfer1::TimingCacheValue& value) noexcept {
  return without_exceptions(
      [&] {
        const auto found = find(*entries_, key);
        if (!found || !std::isfinite(value.timingMSec) || value.timingMSec <= 0) return false;
        entries_->put(found->first, value.timingMSec * 1e-3);
        return true;
      },
      false);
}

}  // namespace vivace::tensorrt
