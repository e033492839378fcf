// Measured times of tactics, kept between builds.
#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "base/status.h"

namespace vivace::builder {

class TimingCache {
 public:
  /// `key` names the problem, the machine, the tactic with its version, and the configuration.
  std::optional<double> find(const std::string& key) const;
  void put(const std::string& key, double seconds);
  size_t size() const;
  std::map<std::string, double> entries() const;
  void clear();

  /// Adds the entries of another; where both know a key, the shorter time stays.
  void merge(const TimingCache& other);
  /// Sorted text, one entry a line: equal caches give equal bytes.
  std::string to_text() const;
  /// Adds entries from text; corrupt_file (and nothing added) where it is not a timing cache of this format.
  Status add_text(const std::string& text);
  /// Adds the entries of a file; a missing file is an empty cache.
  Status load(const std::string& path);
  /// Merges with what the file holds by now, and replaces it in one step.
  Status save(const std::string& path) const;

 private:
  mutable std::mutex mutex_;
  std::map<std::string, double> entries_;
};

}  // namespace vivace::builder
