#include "base/file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <utility>

namespace vivace {

namespace {

Status system_error(const std::string& path, const char* action) {
  return {Code::io_error, path + ": cannot " + action + ": " + std::strerror(errno)};
}

class Descriptor {
 public:
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  int number() const { return number_; }
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

}  // namespace

Result<MappedFile> map_file(const std::string& path) {
  const Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.number() < 0) return system_error(path, "open for reading");
  struct stat info;
  if (::fstat(file.number(), &info) != 0) return system_error(path, "examine");
  if (!S_ISREG(info.st_mode)) return Status(Code::io_error, path + ": cannot read: not a regular file");
  const auto size = static_cast<size_t>(info.st_size);
  if (size == 0) return MappedFile{};
  void* data = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, file.number(), 0);
  if (data == MAP_FAILED) return system_error(path, "map");
  return MappedFile{{static_cast<const std::byte*>(data), size},
                    std::shared_ptr<void>(data, [size](void* p) { ::munmap(p, size); })};
}

Status write_file(const std::string& path, const std::function<Status(const Append&)>& produce) {
  static std::atomic<unsigned> count{0};
  const std::string temporary = path + "." + std::to_string(::getpid()) + "." + std::to_string(++count) + ".tmp";
  Descriptor file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (file.number() < 0) return system_error(path, "create");
  const auto fill = [&]() -> Status {
    VIVACE_TRY(produce([&](const void* data, size_t bytes) -> Status {
      for (auto* at = static_cast<const char*>(data); bytes > 0;) {
        const ssize_t written = ::write(file.number(), at, bytes);
        if (written < 0 && errno == EINTR) continue;
        if (written < 0) return system_error(path, "write");
        at += written;
        bytes -= static_cast<size_t>(written);
      }
      return {};
    }));
    if (!file.close()) return system_error(path, "write");
    if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error(path, "replace");
    return {};
  };
  Status done = fill();
  if (!done.ok()) ::unlink(temporary.c_str());
  return done;
}

Status write_file(const std::string& path, std::string_view text) {
  return write_file(path, [&](const Append& append) { return append(text.data(), text.size()); });
}

}  // namespace vivace
