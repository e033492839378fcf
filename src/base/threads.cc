#include "base/threads.h"

#include <sched.h>

#include <algorithm>
#include <climits>

#include "base/pause.h"

namespace vivace {

namespace {
// Some 50 us of spinning on a current core: longer than the gap between two layers, short beside a sleep.
constexpr int kSpins = 2000;
// Added to the workers inside a loop when its tasks have run out: the caller waits for those that entered, never for
// one that is asleep or was late.
constexpr int kClosed = INT_MIN;

thread_local bool inside_loop = false;
}  // namespace

ThreadPool::ThreadPool(int threads) : shares_(std::make_unique<Share[]>(static_cast<size_t>(std::max(1, threads)))) {
  working_.store(kClosed, std::memory_order_relaxed);
  for (int i = 1; i < threads; ++i) workers_.emplace_back([this, i] { work(i); });
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(sleep_);
    stop_ = true;
    epoch_.fetch_add(1, std::memory_order_release);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::drain(int thread) {
  for (int i = 0, threads = size(); i < threads; ++i) {
    Share& share = shares_[static_cast<size_t>((thread + i) % threads)];
    while (share.next.load(std::memory_order_relaxed) < share.end) {
      const int64_t task = share.next.fetch_add(1, std::memory_order_relaxed);
      if (task < share.end) (*body_)(task, thread);
    }
  }
}

void ThreadPool::run(int64_t tasks, FunctionRef<void(int64_t, int)> body) {
  if (tasks <= 0) return;
  if (workers_.empty() || tasks == 1 || inside_loop || !busy_.try_lock()) {
    for (int64_t task = 0; task < tasks; ++task) body(task, 0);
    return;
  }
  const std::lock_guard lock(busy_, std::adopt_lock);
  body_ = &body;
  int64_t end = 0;
  for (int i = 0, threads = size(); i < threads; ++i) {  // where tasks are few, the caller has one
    Share& share = shares_[static_cast<size_t>(i)];
    share.next.store(end, std::memory_order_relaxed);
    share.end = end = tasks / threads * (i + 1) + (tasks % threads * (i + 1) + threads - 1) / threads;
  }
  working_.store(0, std::memory_order_release);
  epoch_.fetch_add(1, std::memory_order_seq_cst);
  if (sleepers_.load(std::memory_order_seq_cst) > 0) {
    { const std::lock_guard sleeping(sleep_); }  // who is about to sleep either sees the new epoch or waits by now
    wake_.notify_all();
  }
  inside_loop = true;
  drain(0);
  inside_loop = false;
  working_.fetch_add(kClosed, std::memory_order_acq_rel);
  for (int spins = 0; working_.load(std::memory_order_acquire) != kClosed;)
    ++spins < kSpins ? pause_core() : std::this_thread::yield();
}

void ThreadPool::work(int thread) {
  inside_loop = true;
  for (uint64_t seen = 0;;) {
    for (int spins = 0; spins < kSpins && epoch_.load(std::memory_order_acquire) == seen; ++spins) pause_core();
    if (epoch_.load(std::memory_order_acquire) == seen) {
      std::unique_lock lock(sleep_);
      sleepers_.fetch_add(1, std::memory_order_seq_cst);
      wake_.wait(lock, [&] { return epoch_.load(std::memory_order_seq_cst) != seen; });
      sleepers_.fetch_sub(1, std::memory_order_relaxed);
    }
    seen = epoch_.load(std::memory_order_acquire);
    int inside = working_.load(std::memory_order_relaxed);
    while (inside >= 0 && !working_.compare_exchange_weak(inside, inside + 1, std::memory_order_acquire)) {
    }
    if (inside < 0) {
      const std::lock_guard lock(sleep_);
      if (stop_) return;
      continue;
    }
    drain(thread);
    working_.fetch_sub(1, std::memory_order_release);
  }
}

int available_processors() {
  cpu_set_t set;
  if (sched_getaffinity(0, sizeof set, &set) == 0) return std::max(1, CPU_COUNT(&set));
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace vivace
