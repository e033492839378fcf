#include "backends/cpu/machine.h"

#include <unistd.h>

#include <fstream>

#include "base/threads.h"

namespace vivace::cpu {

namespace {
std::string processor_name() {
  std::ifstream file("/proc/cpuinfo");
  for (std::string line; std::getline(file, line);)
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  return "unknown processor";
}
}  // namespace

Machine this_machine(int threads) {
  static const std::string name = processor_name();
  Machine machine;
  machine.isa = best_isa();
  machine.threads = threads > 0 ? threads : available_processors();
  machine.processor = name;
  if (const long bytes = sysconf(_SC_LEVEL2_CACHE_SIZE); bytes > 0) machine.l2_bytes = static_cast<size_t>(bytes);
  return machine;
}

}  // namespace vivace::cpu
