// Parallel streams of runs.
#include <unistd.h>

#include <barrier>
#include <chrono>
#include <cstring>
#include <exception>
#include <fstream>
#include <mutex>
#include <thread>

#include "bench.h"

namespace tool {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double seconds_between(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double>(to - from).count();
}

MemoryHeld memory_held(const vivace::Engine& engine) {
  MemoryHeld held;
  std::ifstream statm("/proc/self/statm");
  uint64_t pages = 0;
  if (statm >> pages >> pages) held.host = pages * static_cast<uint64_t>(sysconf(_SC_PAGESIZE));
  const Json gpu = Json::parse(engine.inspect(VIVACE_JSON))["memory"]["gpu_used_bytes"];
  if (gpu.is_number()) held.gpu = gpu.get<uint64_t>();
  return held;
}

// What a run does not write must not look right.
void spoil(const std::vector<vivace::Tensor>& outputs) {
  for (const vivace::Tensor& tensor : outputs)
    if (tensor.bytes()) std::memset(tensor.data(), 0xa5, tensor.bytes());
}

bool same(const std::vector<vivace::Tensor>& a, const std::vector<vivace::Tensor>& b) {
  for (size_t i = 0; i < a.size(); ++i)
    if (a[i].shape() != b[i].shape() || (a[i].bytes() && std::memcmp(a[i].data(), b[i].data(), a[i].bytes()) != 0))
      return false;
  return true;
}

// Calls `ready` after warming up and after the last measured run. The outputs of the first run are written to again and
// again.
template <class Ready>
Stream measure_one(const vivace::Engine& engine, const BenchCommand& command, const std::vector<vivace::Tensor>& inputs,
                   const std::vector<vivace::Tensor>& expected, const Ready& ready) {
  vivace::Context context(engine, command.build.threads);
  std::vector<vivace::Tensor> outputs(engine.outputs().size());
  const auto start = Clock::now();
  do context.run(inputs, outputs);
  while (seconds_between(start, Clock::now()) < command.warm_up);
  Stream stream;
  if (command.iterations > 0) stream.latencies.reserve(static_cast<size_t>(command.iterations));
  ready();
  const auto begin = Clock::now();
  do {
    if (command.check) spoil(outputs);
    const auto now = Clock::now();
    context.run(inputs, outputs);
    const auto end = Clock::now();
    stream.latencies.push_back(seconds_between(now, end));
    stream.wall = seconds_between(begin, end);
    if (command.check && !same(outputs, expected)) ++stream.different;
  } while (command.iterations > 0 ? static_cast<long>(stream.latencies.size()) < command.iterations
                                  : stream.wall < command.duration);
  ready();
  if (command.profile) {  // by itself: on a GPU each layer then waits for the one before
    context.set_profiling(true);
    const auto from = Clock::now();
    for (size_t i = 0; i < stream.latencies.size() && (i == 0 || seconds_between(from, Clock::now()) < stream.wall);
         ++i)
      context.run(inputs, outputs);
    stream.layers = context.profile();
  }
  return stream;
}

}  // namespace

Streams measure(vivace::Engine& engine, const BenchCommand& command) {
  const std::vector<vivace::Tensor> inputs = make_inputs(engine.inputs(), command.input, command.build.shapes);
  const std::vector<vivace::Tensor> expected = command.check ? engine.run(inputs) : std::vector<vivace::Tensor>();
  Streams streams;
  streams.all.resize(static_cast<size_t>(command.streams));
  int phase = 0;
  std::barrier together(command.streams, [&]() noexcept {
    try {
      (phase++ == 0 ? streams.before : streams.after) = memory_held(engine);
    } catch (const std::exception&) {  // then it is not known
    }
  });
  std::exception_ptr error;
  std::mutex mutex;
  std::vector<std::thread> threads;
  for (Stream& stream : streams.all) {
    threads.emplace_back([&] {
      try {
        stream = measure_one(engine, command, inputs, expected, [&] { together.arrive_and_wait(); });
      } catch (...) {
        const std::lock_guard<std::mutex> lock(mutex);
        error = std::current_exception();
        together.arrive_and_drop();  // the others need not wait
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  if (error) std::rethrow_exception(error);
  return streams;
}

}  // namespace tool
