#include "base/stages.h"

#include <algorithm>

#include "base/pause.h"

namespace vivace {

namespace {

constexpr int kMaxShares = 32;  // threads beyond them only help out
constexpr int kPatience = 200;  // pauses before who is through takes blocks of one that is there but slow
constexpr int kSpins = 2000;    // pauses before others get the core

// Blocks that one thread does in every stage.
struct alignas(64) Share {
  std::atomic<int64_t> taken{0};  // over all stages
  std::atomic<bool> owned{false};
  int64_t begin = 0, count = 0;
};

struct Line {
  alignas(64) std::atomic<int64_t> done{0};  // blocks, over all stages
  int shares = 1;
  Share share[kMaxShares];
};

class Run {
 public:
  using Body = FunctionRef<void(int64_t, int64_t, int64_t)>;
  Run(const Stages& work, int threads, const Body& body) : work_(work), body_(body) {
    const auto lines = static_cast<int>(work.lines);
    for (int l = 0; l < lines; ++l) {
      Line& line = lines_[l];
      line.shares = std::clamp((threads - l + lines - 1) / lines, 1, kMaxShares);
      int64_t end = 0;
      for (int i = 0; i < line.shares; ++i) {
        Share& share = line.share[i];
        share.begin = end, end = work.blocks * (i + 1) / line.shares, share.count = end - share.begin;
      }
    }
  }

  // What the thread with this number does: its part of one line, then it helps with the others.
  void work(int64_t thread) {
    for (int64_t i = 0; i < work_.lines; ++i) {
      const int64_t line = (thread + i) % work_.lines;
      follow(line, own_share(lines_[line], i == 0 ? thread / work_.lines : 0));
    }
  }

 private:
  // The first share from here on that is nobody's yet; -1 where there is none.
  static int own_share(Line& line, int64_t first) {
    for (int64_t i = first; i < line.shares; ++i)
      if (!line.share[i].owned.exchange(true, std::memory_order_relaxed)) return static_cast<int>(i);
    return -1;
  }

  // Takes part in all stages that are left of a line.
  void follow(int64_t index, int own) {
    Line& line = lines_[index];
    int64_t stage;
    while ((stage = line.done.load(std::memory_order_acquire) / work_.blocks) < work_.stages) {
      int64_t did = 0;
      if (own >= 0)
        while (take(index, line.share[own], stage)) ++did;
      if (did) line.done.fetch_add(did, std::memory_order_acq_rel);
      const int64_t through = (stage + 1) * work_.blocks;
      for (int spins = 0; line.done.load(std::memory_order_acquire) < through; ++spins)
        if (help(index, line, stage, own, spins >= kPatience))
          line.done.fetch_add(1, std::memory_order_acq_rel);
        else
          spins < kSpins ? pause_core() : std::this_thread::yield();
    }
  }

  // One block of a thread that has not come, or is slow.
  bool help(int64_t index, Line& line, int64_t stage, int own, bool slow) {
    for (int i = 0; i < line.shares; ++i)
      if (i != own && (slow || !line.share[i].owned.load(std::memory_order_relaxed)) &&
          take(index, line.share[i], stage))
        return true;
    return false;
  }

  // Does one block of a share; false where all are taken, in this stage or because it is over.
  bool take(int64_t line, Share& share, int64_t stage) {
    const int64_t first = stage * share.count;
    int64_t taken = share.taken.load(std::memory_order_relaxed);
    do {
      if (taken >= first + share.count) return false;
    } while (!share.taken.compare_exchange_weak(taken, taken + 1, std::memory_order_relaxed));
    const int64_t i = taken - first;
    const bool backwards = stage / work_.period % 2 != 0;
    body_(line, stage, share.begin + (backwards ? share.count - 1 - i : i));
    return true;
  }

  const Stages& work_;
  const Body& body_;
  Line lines_[Stages::kMaxLines];
};

}  // namespace

void run_stages(ThreadPool& pool, int threads, const Stages& work, FunctionRef<void(int64_t, int64_t, int64_t)> body) {
  if (work.blocks <= 0) return;
  threads = std::clamp(threads, 1, pool.size());
  Run run(work, threads, body);
  pool.run(threads, [&](int64_t thread, int) { run.work(thread); });
}

}  // namespace vivace
