#include "backends/cuda/session.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <numeric>

#include "backends/cuda/host_steps.h"
#include "backends/cuda/queue.h"
#include "backends/cuda/recording.h"

namespace vivace::cuda {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

constexpr size_t kKeptRecordings = 32;
constexpr int kWarmUps = 5;

// Where the inputs and outputs of a run are on the GPU.
struct Bases {
  std::vector<DevicePointer> inputs, outputs;
  bool operator==(const Bases&) const = default;
};

class Session final : public backends::Session {
 public:
  Session(std::shared_ptr<Gpu> gpu, std::shared_ptr<const cpu::Executor> host, size_t l2_bytes, int threads,
          backends::MemorySource source)
      : gpu_(std::move(gpu)),
        graph_(host->graph()),
        on_host_(std::move(host), threads),
        l2_bytes_(l2_bytes),
        source_(std::move(source)) {}
  ~Session() override {
    const Gpu::Scope scope(*gpu_);
    drop();
    if (done_) (void)driver().cuEventDestroy_v2(done_);
    if (stream_) (void)driver().cuStreamDestroy_v2(stream_);
  }
  Status open() {
    const Gpu::Scope scope(*gpu_);
    VIVACE_CUDA(driver(), cuStreamCreate(&stream_, kStreamNonBlocking));
    VIVACE_CUDA(driver(), cuEventCreate(&done_, kEventWithoutTime));
    return {};
  }

  size_t bytes() const override { return bytes_; }

  Status reserve(size_t bytes) override {
    if (bytes <= bytes_) return {};
    if (lent_)
      return {Code::out_of_memory, "a run needs " + std::to_string(bytes) + " bytes of memory, " +
                                       std::to_string(bytes_) + " were given for it"};
    drop();
    if (source_.allocate) {
      void* made = source_.allocate(bytes, kAlignment);
      if (!made) return {Code::out_of_memory, "no memory for the " + std::to_string(bytes) + " bytes a run needs"};
      address_ = reinterpret_cast<DevicePointer>(made);
    } else {
      VIVACE_ASSIGN(own_, Memory::allocate(gpu_, Memory::Kind::device, bytes));
      address_ = own_.device();
    }
    bytes_ = bytes;
    return {};
  }

  Status lend(void* memory, size_t bytes) override {
    if (reinterpret_cast<uintptr_t>(memory) % kAlignment != 0)
      return {Code::invalid_argument,
              "the memory for a run must start at a multiple of " + std::to_string(kAlignment) + " bytes"};
    drop();
    address_ = reinterpret_cast<DevicePointer>(memory);
    bytes_ = memory ? bytes : 0;
    lent_ = true;
    return {};
  }

  void drop() override {
    const Gpu::Scope scope(*gpu_);
    settle();
    known_.clear();
    if (address_ && !lent_ && source_.release) source_.release(reinterpret_cast<void*>(address_));
    own_ = {};
    address_ = 0;
    bytes_ = 0;
    lent_ = false;
  }

  Status run(const backends::Instance& instance, const std::vector<TensorView>& inputs, std::vector<Tensor>& outputs,
             const backends::StepObserver& observe) override {
    const auto& i = static_cast<const Instance&>(instance);
    const Gpu::Scope scope(*gpu_);
    VIVACE_TRY(make_room(i, i.host_bytes));
    settle();
    VIVACE_TRY(complaint(i));
    outputs.resize(graph_.outputs().size());
    for (size_t k = 0; k < outputs.size(); ++k) {
      const ir::Type* type = i.at.type(graph_.outputs()[k]);
      if (!type) continue;  // made while running
      if (outputs[k].valid() && outputs[k].type() == type->dtype && outputs[k].shape() == *type->shape()) continue;
      VIVACE_ASSIGN(outputs[k], Tensor::allocate(type->dtype, *type->shape()));
    }
    on_host_.begin(i, inputs);
    for (size_t k = 0; k < inputs.size(); ++k)
      if (i.input_bytes[k] > 0) std::memcpy(mirror_.host() + i.inputs[k], inputs[k].data, i.input_bytes[k]);
    Run run{i, homes(i), {}, true};
    for (size_t k = 0; k < i.inputs.size(); ++k)
      if (i.direct_inputs[k]) run.bases.inputs[k] = mirror_.device() + i.inputs[k];
    for (size_t k = 0; k < i.outputs.size(); ++k)
      if (i.direct_outputs[k]) run.bases.outputs[k] = mirror_.device() + i.outputs[k];
    if (observe) {
      VIVACE_TRY(run_observed(run, observe));
    } else {
      VIVACE_ASSIGN(const Recording* recording, recorded(run, true));
      VIVACE_TRY(replay(run, *recording, stream_));
    }
    VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
    VIVACE_TRY(complaint(i));
    for (size_t k = 0; k < outputs.size(); ++k) {
      if (i.output_bytes[k] > 0) std::memcpy(outputs[k].data(), mirror_.host() + i.outputs[k], i.output_bytes[k]);
      if (!i.is_placed(graph_.outputs()[k])) VIVACE_TRY(on_host_.give(i, graph_.outputs()[k], outputs[k]));
    }
    return {};
  }

  Status enqueue(const backends::Instance& instance, const std::vector<backends::DeviceBuffer>& inputs,
                 const std::vector<backends::DeviceBuffer>& outputs, void* on) override {
    const auto& i = static_cast<const Instance&>(instance);
    auto* const stream = static_cast<StreamHandle*>(on);
    const Gpu::Scope scope(*gpu_);
    int capturing = 0;
    if (stream) VIVACE_CUDA(driver(), cuStreamIsCapturing(stream, &capturing));
    if (capturing && i.any_on_host)
      return {Code::unsupported,
              "a node runs on the CPU, which cannot be captured into a graph; queue the run without capturing"};
    for (const auto& values : {graph_.inputs(), graph_.outputs()})
      for (const ir::Value* v : values)
        if (!i.is_placed(v))
          return {Code::unsupported,
                  "'" + v->name + "' has a size that depends on the data, or strings; use run(), which makes it"};
    VIVACE_TRY(make_room(i, i.any_on_host ? i.host_bytes : 0));
    VIVACE_TRY(complaint(i));
    on_host_.begin(i, {});
    Run run{i, homes(i), {}, false};
    VIVACE_TRY(bind(inputs, i.input_bytes, i.direct_inputs, "input", run.given.inputs, run.bases.inputs,
                    [&](size_t k) -> const std::string& { return graph_.inputs()[k]->name; }));
    VIVACE_TRY(bind(outputs, i.output_bytes, i.direct_outputs, "output", run.given.outputs, run.bases.outputs,
                    [&](size_t k) -> const std::string& { return graph_.output_name(k); }));
    if (capturing) return queue_all(run, stream);
    if (queued_ && queued_on_ != stream) VIVACE_CUDA(driver(), cuStreamWaitEvent(stream, done_, 0));
    VIVACE_ASSIGN(const Recording* recording, recorded(run, false));
    VIVACE_TRY(recording ? replay(run, *recording, stream) : queue_all(run, stream));
    VIVACE_CUDA(driver(), cuEventRecord(done_, stream));
    queued_ = true;
    queued_on_ = stream;
    return {};
  }

  Result<backends::DeviceTimes> time(const backends::Instance& instance, const std::vector<TensorView>& inputs,
                                     int runs, bool flush) override {
    const auto& i = static_cast<const Instance&>(instance);
    if (i.any_on_host)
      return Status(Code::unsupported, "a node runs on the CPU, so that the GPU's time alone says little; time run()");
    if (runs < 1) return Status(Code::invalid_argument, "at least one run is needed to time it");
    const Gpu::Scope scope(*gpu_);
    VIVACE_TRY(make_room(i, i.any_on_host ? i.host_bytes : 0));
    settle();
    Memory cold;
    if (flush) {
      VIVACE_ASSIGN(cold, Memory::allocate(gpu_, Memory::Kind::device, 2 * l2_bytes_));
    }
    const Run run{i, homes(i), {}, false};
    Queue queue(*gpu_, stream_);
    for (size_t k = 0; k < inputs.size(); ++k)
      VIVACE_TRY(queue.to_device(run.bases.inputs[k], inputs[k].data, i.input_bytes[k]));
    VIVACE_ASSIGN(const Recording* recording, recorded(run, true));
    for (int k = 0; k < kWarmUps; ++k) VIVACE_TRY(recording->launch(0, stream_));
    Events events(driver());
    // An event between two runs keeps the second waiting: several run between two events.
    constexpr int kBetween = 8;
    const int each = flush ? 1 : std::min(runs, kBetween);
    const int groups = runs / each;
    for (int k = 0; k < groups; ++k) {
      if (flush) VIVACE_CUDA(driver(), cuMemsetD8Async(cold.device(), 0, cold.bytes(), stream_));
      if (flush || k == 0) VIVACE_TRY(events.record(stream_));
      for (int run = 0; run < each; ++run) VIVACE_TRY(recording->launch(0, stream_));
      VIVACE_TRY(events.record(stream_));
    }
    VIVACE_CUDA(driver(), cuStreamSynchronize(stream_));
    VIVACE_TRY(complaint(i));
    std::vector<double> times;
    for (int k = 0; k < groups; ++k) {
      const auto first = static_cast<size_t>(flush ? 2 * k : k);
      VIVACE_ASSIGN(const double seconds, events.seconds(first, first + 1));
      times.push_back(seconds / each);
    }
    std::sort(times.begin(), times.end());
    const double sum = std::accumulate(times.begin(), times.end(), 0.0);
    return backends::DeviceTimes{times[times.size() / 2], times[0], sum / groups};
  }

 private:
  // What tells one run from another.
  struct Run {
    const Instance& instance;
    Bases bases;    // what kernels read and write
    Bases given;    // the caller's buffers: bases but for those that are not aligned; empty where there are none
    bool mirrored;  // inputs come from the host, outputs go there
  };
  struct Known {
    uint64_t instance;
    Bases given;
    bool mirrored;
    std::unique_ptr<Recording> recording;  // null: seen once
  };

  const Driver& driver() const { return gpu_->driver(); }
  DevicePointer device(const Address& a, const Bases& bases) const {
    switch (a.base) {
      case Address::Base::none:
      case Address::Base::run: return 0;
      case Address::Base::session: return address_ + a.offset;
      case Address::Base::input: return bases.inputs[a.index] + a.offset;
      case Address::Base::output: return bases.outputs[a.index] + a.offset;
      case Address::Base::fault: return faults_.device() + a.offset;
      case Address::Base::fixed: return a.fixed + a.offset;
    }
    return 0;
  }
  // The session's own inputs and outputs.
  Bases homes(const Instance& i) const {
    Bases bases;
    for (const size_t offset : i.inputs) bases.inputs.push_back(address_ + offset);
    for (const size_t offset : i.outputs) bases.outputs.push_back(address_ + offset);
    return bases;
  }

  // Memory for the instance, and of the mirror; what was recorded for less is forgotten.
  Status make_room(const Instance& i, size_t mirror_bytes) {
    VIVACE_TRY(reserve(i.bytes));
    if (mirror_bytes > mirror_.bytes()) {
      settle();
      known_.clear();
      VIVACE_ASSIGN(mirror_, Memory::allocate(gpu_, Memory::Kind::pinned, mirror_bytes));
    }
    if (i.complaints.empty() || faults_.bytes() > 0) return {};
    VIVACE_ASSIGN(faults_, Memory::allocate(gpu_, Memory::Kind::pinned, graph_.node_list().size() * sizeof(uint32_t)));
    std::memset(faults_.host(), 0, faults_.bytes());
    return {};
  }

  // What a kernel has found wrong with the data since the last time. Fault words are in the host's memory, which
  // kernels write to only then.
  Status complaint(const Instance& i) {
    Status found;
    auto* const words = reinterpret_cast<volatile uint32_t*>(faults_.host());
    for (const auto& [node, text] : i.complaints) {
      if (!words[node]) continue;
      words[node] = 0;
      if (found.ok()) found = {Code::invalid_argument, text};
    }
    return found;
  }

  // Waits for what was queued on a caller's stream.
  void settle() {
    if (queued_) (void)driver().cuEventSynchronize(done_);
    queued_ = false;
  }

  bool is_on_host(DevicePointer address) const {
    unsigned type = 0;
    return !driver().cuPointerGetAttribute(&type, kPointerMemoryType, address) && type == kMemoryOfHost;
  }

  // `direct`: which may be in the host's memory while kernels work on them.
  template <class NameOf>
  Status bind(const std::vector<backends::DeviceBuffer>& buffers, const std::vector<size_t>& needed,
              const std::vector<bool>& direct, const char* what, std::vector<DevicePointer>& given,
              std::vector<DevicePointer>& bases, const NameOf& name) const {
    if (buffers.size() != needed.size())
      return {Code::invalid_argument, "the engine has " + std::to_string(needed.size()) + " " + what + "s, not " +
                                          std::to_string(buffers.size())};
    for (size_t k = 0; k < needed.size(); ++k) {
      if (buffers[k].bytes < needed[k] || (!buffers[k].data && needed[k] > 0))
        return {Code::invalid_argument, std::string(what) + " '" + name(k) + "' takes " + std::to_string(needed[k]) +
                                            " bytes, its buffer has " +
                                            std::to_string(buffers[k].data ? buffers[k].bytes : 0)};
      given.push_back(reinterpret_cast<DevicePointer>(buffers[k].data));
      if (given[k] % kBufferAlignment == 0 && (direct[k] || !is_on_host(given[k]))) bases[k] = given[k];
    }
    return {};
  }

  // Inputs that are elsewhere come to where kernels read them.
  Status begin(const Run& run, Queue& queue) const {
    const Instance& i = run.instance;
    for (size_t k = 0; k < i.inputs.size(); ++k)
      if (run.mirrored && !i.direct_inputs[k])
        VIVACE_TRY(queue.to_device(run.bases.inputs[k], mirror_.host() + i.inputs[k], i.input_bytes[k]));
      else if (!run.given.inputs.empty())
        VIVACE_TRY(move(run.bases.inputs[k], run.given.inputs[k], i.input_bytes[k], queue));
    return {};
  }
  Status end(const Run& run, Queue& queue) const {
    const Instance& i = run.instance;
    for (const Instance::Copy& copy : i.copies)
      VIVACE_TRY(queue.copy(run.bases.outputs[copy.output], device(copy.from, run.bases), i.output_bytes[copy.output]));
    for (size_t k = 0; k < i.outputs.size(); ++k)
      if (run.mirrored && !i.direct_outputs[k])
        VIVACE_TRY(queue.to_host(mirror_.host() + i.outputs[k], run.bases.outputs[k], i.output_bytes[k]));
      else if (!run.given.outputs.empty())
        VIVACE_TRY(move(run.given.outputs[k], run.bases.outputs[k], i.output_bytes[k], queue));
    return {};
  }
  // Between the GPU's memory and a caller's buffer, wherever that is.
  Status move(DevicePointer to, DevicePointer from, size_t bytes, Queue& queue) const {
    if (to == from) return {};
    if (is_on_host(from)) return queue.to_device(to, reinterpret_cast<const void*>(from), bytes);
    if (is_on_host(to)) return queue.to_host(reinterpret_cast<void*>(to), from, bytes);
    return queue.copy(to, from, bytes);
  }
  Status launch(const Step& step, const Run& run, Queue& queue) const {
    for (size_t k = 0; k < step.kernels.size(); ++k) {
      std::vector<DevicePointer> arguments;
      for (const Address& a : step.arguments[k]) arguments.push_back(device(a, run.bases));
      VIVACE_TRY(queue.launch(*step.kernels[k].kernel, step.kernels[k].launch, std::move(arguments)));
    }
    return {};
  }
  // Likewise this step and those that can run beside it.
  Status launch_together(const Step* first, const Run& run, Queue& queue) const {
    std::vector<DevicePointer> arguments;
    for (size_t k = 0; k < first->together.steps; ++k)
      for (const Address& a : first[k].arguments[0]) arguments.push_back(device(a, run.bases));
    return queue.launch(*first->together.kernel, first->together.launch, std::move(arguments));
  }
  Status download(const Step& step, const Run& run, Queue& queue) const {
    for (const Step::Bytes& b : step.downloads)
      VIVACE_TRY(queue.to_host(mirror_.host() + b.at.home, device(b.at, run.bases), b.bytes));
    return {};
  }
  Status upload(const Step& step, const Run& run, Queue& queue) const {
    for (const Step::Bytes& b : step.uploads)
      VIVACE_TRY(queue.to_device(device(b.at, run.bases), mirror_.host() + b.at.home, b.bytes));
    return {};
  }
  // Everything into the stream; `between` runs a step of the CPU, whose inputs have been downloaded.
  template <class Between>
  Status queue_steps(const Run& run, Queue& queue, const Between& between) const {
    VIVACE_TRY(begin(run, queue));
    const std::vector<Step>& steps = run.instance.steps;
    for (size_t k = 0; k < steps.size(); k += steps[k].together.steps) {
      const Step& step = steps[k];
      if (!step.on_host) {
        VIVACE_TRY(step.together.kernel ? launch_together(&step, run, queue) : launch(step, run, queue));
        continue;
      }
      VIVACE_TRY(download(step, run, queue));
      VIVACE_TRY(between(step));
      VIVACE_TRY(upload(step, run, queue));
    }
    return end(run, queue);
  }
  Status queue_all(const Run& run, StreamHandle* stream) {
    Queue queue(*gpu_, stream);
    return queue_steps(run, queue, [&](const Step& step) -> Status {
      VIVACE_TRY(queue.wait());
      return on_host_.run(run.instance, step, mirror_.host());
    });
  }

  // The recording of this run, which is made where there is none and `now` or where it is seen for the second time.
  Result<const Recording*> recorded(const Run& run, bool now) {
    const auto found = std::find_if(known_.begin(), known_.end(), [&](const Known& k) {
      return k.instance == run.instance.id && k.mirrored == run.mirrored && k.given == run.given;
    });
    if (found != known_.end()) {
      std::rotate(found, found + 1, known_.end());  // the latest is the last
    } else {
      if (known_.size() >= kKeptRecordings) {
        settle();
        known_.erase(known_.begin());
      }
      known_.push_back({run.instance.id, run.given, run.mirrored, nullptr});
      if (!now) return static_cast<const Recording*>(nullptr);
    }
    std::unique_ptr<Recording>& recording = known_.back().recording;
    if (!recording) {
      auto made = std::make_unique<Recording>(driver());
      VIVACE_TRY(made->begin(stream_));
      Queue queue(*gpu_, stream_);
      const Status status = queue_steps(run, queue, [&](const Step&) -> Status {
        VIVACE_TRY(made->end(stream_));
        queue.interrupt();
        return made->begin(stream_);
      });
      const Status ended = made->end(stream_);  // also what failed halfway, so that the stream is as before
      if (!status.ok()) return status;
      if (!ended.ok()) return ended;
      recording = std::move(made);
    }
    return static_cast<const Recording*>(recording.get());
  }

  Status replay(const Run& run, const Recording& recording, StreamHandle* stream) {
    size_t next = 0;
    for (const Step& step : run.instance.steps) {
      if (!step.on_host) continue;
      VIVACE_TRY(recording.launch(next++, stream));
      VIVACE_CUDA(driver(), cuStreamSynchronize(stream));
      VIVACE_TRY(on_host_.run(run.instance, step, mirror_.host()));
    }
    return recording.launch(next, stream);
  }

  // Events stand between the nodes. A node of the CPU is timed by the clock, with its copies.
  Status run_observed(const Run& run, const backends::StepObserver& observe) {
    const Instance& i = run.instance;
    Queue queue(*gpu_, stream_);
    VIVACE_TRY(begin(run, queue));
    Events events(driver());
    std::vector<double> on_host(i.steps.size(), 0);
    VIVACE_TRY(events.record(stream_));
    for (size_t k = 0; k < i.steps.size(); ++k) {
      const Step& step = i.steps[k];
      if (step.on_host) {
        VIVACE_TRY(queue.wait());
        const double start = now();
        VIVACE_TRY(download(step, run, queue));
        VIVACE_TRY(queue.wait());
        VIVACE_TRY(on_host_.run(run.instance, step, mirror_.host()));
        VIVACE_TRY(upload(step, run, queue));
        VIVACE_TRY(queue.wait());
        on_host[k] = now() - start;
      } else {
        VIVACE_TRY(launch(step, run, queue));
      }
      VIVACE_TRY(events.record(stream_));
      queue.interrupt();
    }
    VIVACE_TRY(end(run, queue));
    VIVACE_TRY(queue.wait());
    for (size_t k = 0; k < i.steps.size(); ++k) {
      VIVACE_ASSIGN(const double seconds, events.seconds(k, k + 1));
      observe(i.steps[k].node, i.steps[k].on_host ? on_host[k] : seconds);
    }
    return {};
  }

  std::shared_ptr<Gpu> gpu_;
  const ir::Graph& graph_;
  HostSteps on_host_;
  size_t l2_bytes_;
  StreamHandle* stream_ = nullptr;
  EventHandle* done_ = nullptr;        // after the last run on a caller's stream
  bool queued_ = false;                // it may not have been reached
  StreamHandle* queued_on_ = nullptr;  // that stream
  backends::MemorySource source_;
  DevicePointer address_ = 0;  // of memory on the GPU: its own, lent, or from the source
  size_t bytes_ = 0;
  bool lent_ = false;
  Memory own_;
  Memory mirror_;  // the same places in pinned memory of the host
  Memory faults_;  // a word for each node, in pinned memory of the host
  std::vector<Known> known_;
};

}  // namespace

Result<std::unique_ptr<backends::Session>> open_session(std::shared_ptr<Gpu> gpu,
                                                        std::shared_ptr<const cpu::Executor> host, size_t l2_bytes,
                                                        int threads, backends::MemorySource source) {
  auto made = std::make_unique<Session>(std::move(gpu), std::move(host), l2_bytes, threads, std::move(source));
  VIVACE_TRY(made->open());
  return std::unique_ptr<backends::Session>(std::move(made));
}

}  // namespace vivace::cuda
