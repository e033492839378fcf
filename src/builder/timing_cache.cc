#include "builder/timing_cache.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include "base/file.h"

namespace vivace::builder {

namespace {
constexpr const char* kHeader = "vivace timing cache 1\n";

std::string text_of(double seconds) {
  char number[40];
  std::snprintf(number, sizeof number, "%.6e", seconds);
  return number;
}
}  // namespace

std::optional<double> TimingCache::find(const std::string& key) const {
  const std::lock_guard lock(mutex_);
  const auto at = entries_.find(key);
  return at == entries_.end() ? std::nullopt : std::optional<double>(at->second);
}

void TimingCache::put(const std::string& key, double seconds) {
  const std::lock_guard lock(mutex_);
  entries_[key] = std::strtod(text_of(seconds).c_str(), nullptr);  // what a file will give back
}

size_t TimingCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

std::map<std::string, double> TimingCache::entries() const {
  const std::lock_guard lock(mutex_);
  return entries_;
}

void TimingCache::clear() {
  const std::lock_guard lock(mutex_);
  entries_.clear();
}

void TimingCache::merge(const TimingCache& other) {
  if (this == &other) return;
  const std::scoped_lock lock(mutex_, other.mutex_);
  for (const auto& [key, seconds] : other.entries_) {
    const auto [at, fresh] = entries_.emplace(key, seconds);
    if (!fresh && seconds < at->second) at->second = seconds;
  }
}

std::string TimingCache::to_text() const {
  const std::lock_guard lock(mutex_);
  std::string text = kHeader;
  for (const auto& [key, seconds] : entries_) text += text_of(seconds) + " " + key + "\n";
  return text;
}

Status TimingCache::add_text(const std::string& text) {
  if (!text.starts_with(kHeader))
    return {Code::corrupt_file, "not a timing cache, or of another version; delete it to start afresh"};
  TimingCache read;
  size_t line_number = 1;
  for (size_t begin = std::string(kHeader).size(); begin < text.size();) {
    ++line_number;
    size_t end = text.find('\n', begin);
    if (end == std::string::npos) return {Code::corrupt_file, "cut off in line " + std::to_string(line_number)};
    const std::string line = text.substr(begin, end - begin);
    char* rest = nullptr;
    const double seconds = std::strtod(line.c_str(), &rest);
    if (rest == line.c_str() || *rest != ' ' || !(seconds > 0) || seconds > 1e6)
      return {Code::corrupt_file, "line " + std::to_string(line_number) + " is not 'seconds problem'"};
    read.put(rest + 1, seconds);
    begin = end + 1;
  }
  merge(read);
  return {};
}

Status TimingCache::load(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return {};
  VIVACE_ASSIGN(const MappedFile file, map_file(path));
  return add_text(std::string(reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size())).within(path);
}

Status TimingCache::save(const std::string& path) const {
  TimingCache all;
  if (const Status status = all.load(path); !status.ok() && status.code() != Code::corrupt_file) return status;
  all.merge(*this);
  return write_file(path, all.to_text());
}

}  // namespace vivace::builder
