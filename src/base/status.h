// Errors are values: a code for programs and a sentence for people. Nothing in the library throws or aborts.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <variant>

namespace vivace {

enum class Code {
  ok,
  invalid_argument,    // the caller asked for something that makes no sense
  invalid_model,       // the model contradicts itself or the standard
  unsupported,         // valid, but not something Vivace can do
  shape_mismatch,      // a tensor does not fit what the engine was built for
  out_of_memory,       // more than the cap, or more than the machine has
  io_error,            // a file cannot be read or written
  corrupt_file,        // a file is cut off or damaged
  version_mismatch,    // a plan from another version or machine, refused in strict mode
  device_unavailable,  // no such device, or its driver is missing
  cancelled,           // the caller's progress monitor said stop
  internal,            // a defect in Vivace
};

const char* to_string(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  bool ok() const { return code_ == Code::ok; }
  Code code() const { return code_; }
  const std::string& message() const { return message_; }
  /// The same error, told from further out: "<where>: <message>".
  Status within(const std::string& where) const {
    return ok() ? *this : Status(code_, where + ": " + message_);
  }

 private:
  Code code_ = Code::ok;
  std::string message_;
};

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::move(value)) {}
  Result(Status status) : state_(std::move(status)) {}

  bool ok() const { return state_.index() == 0; }
  const Status& status() const {
    static const Status fine;
    return ok() ? fine : std::get<1>(state_);
  }
  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }

 private:
  std::variant<T, Status> state_;
};

}  // namespace vivace

#define VIVACE_CONCAT_(a, b) a##b
#define VIVACE_CONCAT(a, b) VIVACE_CONCAT_(a, b)
/// Returns from the calling function when the status is an error.
#define VIVACE_TRY(expression)                                        \
  do {                                                                \
    if (::vivace::Status status_ = (expression); !status_.ok()) return status_; \
  } while (false)
/// VIVACE_ASSIGN(auto x, f()): takes the value out of a Result, or returns its error.
#define VIVACE_ASSIGN(target, expression) VIVACE_ASSIGN_(target, expression, VIVACE_CONCAT(result_, __LINE__))
#define VIVACE_ASSIGN_(target, expression, result) \
  auto result = (expression);                      \
  if (!result.ok()) return result.status();        \
  target = std::move(result).value()
