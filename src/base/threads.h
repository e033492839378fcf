// A low-latency pool for fork-join loops of some microseconds.
//
// Debian's pthreadpool comes only as a shared library and OpenMP brings one of its own, while libvivace.so must stand
// alone; hence this small pool. Workers spin for a while after each loop before they sleep, so the many loops of one
// inference start without a system call.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace vivace {

/// A reference to any callable; valid while the callable lives.
template <class Signature>
class FunctionRef;
template <class R, class... Args>
class FunctionRef<R(Args...)> {
 public:
  template <class F, class = std::enable_if_t<!std::is_same_v<std::remove_cvref_t<F>, FunctionRef>>>
  FunctionRef(F&& f)
      : object_(const_cast<void*>(static_cast<const void*>(&f))), call_([](void* object, Args... args) -> R {
          return (*static_cast<std::remove_reference_t<F>*>(object))(static_cast<Args>(args)...);
        }) {}
  R operator()(Args... args) const { return call_(object_, static_cast<Args>(args)...); }

 private:
  void* object_;
  R (*call_)(void*, Args...);
};

class ThreadPool {
 public:
  /// `threads` run each loop, the caller among them; 1 means no workers.
  explicit ThreadPool(int threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int size() const { return static_cast<int>(workers_.size()) + 1; }

  /// Calls body(task, thread) once for each task in [0, tasks); thread is in [0, size()). Returns when all are done.
  /// Each thread begins with a share of neighbouring tasks, the same in every loop of as many tasks, so that what it
  /// wrote in one loop is in its own cache for the next; then it helps the others.
  /// While the pool is busy with another caller's loop, or inside a loop, the caller runs all tasks itself as
  /// thread 0: results must not depend on which thread ran a task.
  void run(int64_t tasks, FunctionRef<void(int64_t task, int thread)> body);

 private:
  struct alignas(64) Share {
    std::atomic<int64_t> next{0};
    int64_t end = 0;
  };
  void work(int thread);
  void drain(int thread);

  std::vector<std::thread> workers_;
  std::unique_ptr<Share[]> shares_;  // one for each thread
  std::mutex busy_;                  // held by the caller whose loop runs
  std::mutex sleep_;
  std::condition_variable wake_;
  bool stop_ = false;
  const FunctionRef<void(int64_t, int)>* body_ = nullptr;
  std::atomic<int> sleepers_{0};
  alignas(64) std::atomic<uint64_t> epoch_{0};  // counts loops; workers wait for it to change
  alignas(64) std::atomic<int> working_{0};     // workers that have not finished this loop
};

/// Processors this process may run on.
int available_processors();

}  // namespace vivace
