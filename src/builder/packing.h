// What tactics make of constants, made once: layers that share weights, and turns of a loop, share these too.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "backends/cpu/tactic.h"

namespace vivace::builder {

class Packing {
 public:
  /// What `make` gives, or gave before for this tactic, configuration and problem with the very same constants. From
  /// any thread.
  template <class Tactic, class Make>
  Result<std::vector<Tensor>> once(const Tactic& tactic, const std::string& configuration, const cpu::Problem& problem,
                                   const Make& make) {
    Key key{std::string(tactic.name) + " " + configuration + " " + problem.key(), {}};
    std::vector<Tensor> constants;
    for (const cpu::TensorInfo& input : problem.inputs) {
      key.second.push_back(input.constant ? input.constant->data() : nullptr);
      if (input.constant) constants.push_back(*input.constant);
    }
    {
      const std::lock_guard lock(mutex_);
      if (const auto found = made_.find(key); found != made_.end()) return found->second.packed;
    }
    VIVACE_ASSIGN(std::vector<Tensor> packed, make());
    const std::lock_guard lock(mutex_);  // who comes second takes what the first one made
    return made_.try_emplace(std::move(key), Made{std::move(packed), std::move(constants)}).first->second.packed;
  }

 private:
  using Key = std::pair<std::string, std::vector<const void*>>;
  struct Made {
    std::vector<Tensor> packed, constants;  // constants: so that their addresses stay theirs
  };
  std::mutex mutex_;
  std::map<Key, Made> made_;
};

}  // namespace vivace::builder
