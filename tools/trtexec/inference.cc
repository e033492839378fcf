#include "inference.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <exception>
#include <random>
#include <thread>

#include "device.h"
#include "engine.h"
#include "tensors.h"

namespace trtexec {

using nvinfer1::DataType;

namespace {

using Engine = nvinfer1::ICudaEngine;

Strings input_names(Engine& engine) {
  Strings names;
  for (int i = 0; i < engine.getNbIOTensors(); ++i) {
    const char* name = engine.getIOTensorName(i);
    if (engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT) names.emplace_back(name);
  }
  return names;
}

template <class Map>
void check_names(const Strings& inputs, const Map& given, const char* flag) {
  for (const auto& [name, value] : given) {
    if (std::find(inputs.begin(), inputs.end(), name) == inputs.end()) {
      throw Failure(fmt::format("{}: the engine has no input '{}'; its inputs: {}", flag, name, join(inputs, ", ")));
    }
  }
}

template <class T, class Make>
void generate(const Buffer& buffer, Make make) {
  T* data = static_cast<T*>(buffer.data());
  std::generate(data, data + buffer.bytes() / static_cast<int64_t>(sizeof(T)), make);
}

/// Fractions in [-1, 1]; whole numbers 0 and 1, for these are indices and masks more often than not.
void randomize(const Buffer& buffer, DataType type) {
  std::mt19937 random(1);
  const auto fraction = [&] { return std::uniform_real_distribution<float>(-1, 1)(random); };
  const auto bit = [&] { return static_cast<int>(random() & 1); };
  switch (type) {
    case DataType::kFLOAT: generate<float>(buffer, fraction); break;
    case DataType::kINT32: generate<int32_t>(buffer, bit); break;
    case DataType::kINT64: generate<int64_t>(buffer, bit); break;
    case DataType::kBOOL: generate<uint8_t>(buffer, bit); break;
    case DataType::kHALF:
      // A sign, an exponent below that of 1.0 and any fraction.
      generate<uint16_t>(buffer, [&] {
        const uint32_t r = random();
        return static_cast<uint16_t>((r & 0x83FF) | (8 + (r >> 16) % 7) << 10);
      });
      break;
    case DataType::kBF16:
      generate<uint16_t>(buffer, [&] {
        const float value = fraction();
        uint32_t bits;
        std::memcpy(&bits, &value, sizeof bits);
        return static_cast<uint16_t>(bits >> 16);
      });
      break;
    default: generate<int8_t>(buffer, [&] { return static_cast<int8_t>(random()); }); break;
  }
}

}  // namespace

Buffer::Buffer(int64_t bytes, Place place) : data_(nullptr, Free{place}), bytes_(bytes) {
  const auto size = static_cast<size_t>(std::max<int64_t>(bytes, 1));
  Device& device = Device::get();
  data_.reset(place == Place::host ? device.allocate_host(size) : device.allocate(size));
  if (!data_) throw Failure(fmt::format("no memory for a tensor of {} bytes", bytes));
  if (place == Place::host) std::memset(data_.get(), 0, size);
}

void Buffer::Free::operator()(void* data) const {
  place == Place::host ? Device::get().release_host(data) : Device::get().release(data);
}

void* GrowingOutput::reallocateOutput(char const*, void*, uint64_t bytes, uint64_t) noexcept {
  try {
    if (!buffer.data() || static_cast<uint64_t>(buffer.bytes()) < bytes) buffer = Buffer(static_cast<int64_t>(bytes));
    return buffer.data();
  } catch (...) {
    return nullptr;
  }
}

Stream::Stream(Engine& engine, const Options& options, Log& log, bool first)
    : context_(engine.createExecutionContext()),
      stream_(Device::get().make_stream()),
      wants_graph_(options.inference.graph && Device::get().is_gpu()) {
  if (!context_) throw Failure("no execution context can be made");
  if (engine.hasImplicitBatchDimension()) {
    batch_ = std::max(options.inference.batch, 1);
  } else if (options.inference.batch > 0) {
    throw Failure("--batch: the engine has an explicit batch; give --shapes");
  }
  const int profile = options.inference.use_profile;
  if (profile > 0 && !context_->setOptimizationProfileAsync(profile, nullptr)) {
    throw Failure(fmt::format("--useProfile={}: the engine has {}", profile, engine.getNbOptimizationProfiles()));
  }
  const Strings inputs = input_names(engine);
  check_names(inputs, options.inference.shapes, "--shapes");
  check_names(inputs, options.inference.load, "--loadInputs");
  // Shapes of outputs follow from all inputs.
  const int count = engine.getNbIOTensors();
  bindings_.reserve(static_cast<size_t>(count));
  for (const bool want_inputs : {true, false}) {
    for (int i = 0; i < count; ++i) {
      const char* name = engine.getIOTensorName(i);
      const bool is_input = engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
      if (is_input == want_inputs) add(engine, options, first ? &log : nullptr, name);
    }
  }
  if (batch_ > 0) {
    addresses_.resize(static_cast<size_t>(engine.getNbBindings()));
    for (const Binding& binding : bindings_) {
      addresses_[static_cast<size_t>(engine.getBindingIndex(binding.name.c_str()))] = binding.device.data();
    }
  }
}

void Stream::add(Engine& engine, const Options& options, Log* log, const char* name) {
  Binding binding;
  binding.name = name;
  binding.type = engine.getTensorDataType(name);
  binding.is_input = engine.getTensorIOMode(name) == nvinfer1::TensorIOMode::kINPUT;
  binding.on_host = engine.getTensorLocation(name) == nvinfer1::TensorLocation::kHOST;
  if (binding.is_input) set_shape(engine, options, binding);
  binding.dims = context_->getTensorShape(name);
  if (batch_ > 0) {
    std::copy_backward(binding.dims.d, binding.dims.d + binding.dims.nbDims, binding.dims.d + binding.dims.nbDims + 1);
    binding.dims.d[0] = batch_;
    ++binding.dims.nbDims;
  }
  if (binding.dims.nbDims < 0 || (binding.is_input && is_dynamic(binding.dims))) {
    throw Failure(fmt::format("input '{}' has no complete shape; give --shapes={}:...", name, name));
  }
  if (is_dynamic(binding.dims)) {
    binding.growing = std::make_unique<GrowingOutput>();
    if (!context_->setOutputAllocator(name, binding.growing.get())) {
      throw Failure(fmt::format("output '{}': its shape depends on data, and no allocator can be set", name));
    }
  } else {
    const int64_t bytes = bytes_of(binding.type, volume(binding.dims));
    binding.host = Buffer(bytes);
    if (!binding.on_host) binding.device = Buffer(bytes, Buffer::Place::device);
    if (binding.is_input) fill(options, log, binding);
    void* address = binding.on_host ? binding.host.data() : binding.device.data();
    if (batch_ == 0 && !context_->setTensorAddress(name, address)) {
      throw Failure(fmt::format("tensor '{}': its address cannot be set", name));
    }
  }
  if (log) {
    log->info("{} binding for {} with dimensions {} is created.", binding.is_input ? "Input" : "Output", name,
              to_text(binding.dims));
  }
  bindings_.push_back(std::move(binding));
}

void Stream::set_shape(Engine& engine, const Options& options, Binding& binding) {
  const char* name = binding.name.c_str();
  const auto given = options.inference.shapes.find(binding.name);
  const bool is_given = given != options.inference.shapes.end();
  const nvinfer1::Dims declared = engine.getTensorShape(name);
  if (batch_ > 0 || engine.isShapeInferenceIO(name)) return;  // the batch says it, or the values do
  if (!is_given && !is_dynamic(declared)) return;
  const nvinfer1::Dims dims =
      is_given ? to_dims(given->second)
               : engine.getProfileShape(name, options.inference.use_profile, nvinfer1::OptProfileSelector::kOPT);
  if (!context_->setInputShape(name, dims)) {
    throw Failure(
        fmt::format("input '{}' is {} in the engine and cannot be {}", name, to_text(declared), to_text(dims)));
  }
}

void Stream::fill(const Options& options, Log* log, Binding& binding) const {
  const auto loaded = options.inference.load.find(binding.name);
  const auto shape = options.inference.shapes.find(binding.name);
  if (loaded != options.inference.load.end()) {
    const std::vector<char> bytes = read_file(loaded->second);
    if (static_cast<int64_t>(bytes.size()) != binding.host.bytes()) {
      throw Failure(fmt::format("{}: {} bytes, and input '{}' ({} {}) has {}", loaded->second, bytes.size(),
                                binding.name, name_of(binding.type), to_text(binding.dims), binding.host.bytes()));
    }
    std::memcpy(binding.host.data(), bytes.data(), bytes.size());
    if (log) log->info("Using values loaded from {} for input {}", loaded->second, binding.name);
  } else if (shape != options.inference.shapes.end() &&
             context_->getEngine().isShapeInferenceIO(binding.name.c_str())) {
    const int64_t count = std::min<int64_t>(volume(binding.dims), static_cast<int64_t>(shape->second.size()));
    for (int64_t i = 0; i < count; ++i) {
      const int64_t value = shape->second[static_cast<size_t>(i)];
      if (binding.type == DataType::kINT64) {
        static_cast<int64_t*>(binding.host.data())[i] = value;
      } else {
        static_cast<int32_t*>(binding.host.data())[i] = static_cast<int32_t>(value);
      }
    }
  } else {
    randomize(binding.host, binding.type);
    if (log) log->info("Using random values for input {}", binding.name);
  }
  // Here once, for runs without data transfers.
  if (binding.on_host) return;
  Device::get().copy(binding.device.data(), binding.host.data(), static_cast<size_t>(binding.host.bytes()), stream_);
  Device::get().wait(stream_);
}

bool Stream::enqueue() {
  const auto stream = static_cast<cudaStream_t>(stream_);
  return batch_ > 0 ? context_->enqueue(batch_, addresses_.data(), stream, nullptr) : context_->enqueueV3(stream);
}

bool Stream::enqueue_from_graph() {
  Device& device = Device::get();
  if (wants_graph_) {
    wants_graph_ = false;
    if (!enqueue()) return false;  // what is made at the first run is there now
    device.begin_capture(stream_);
    const bool captured = enqueue();
    void* graph = device.end_capture(stream_);
    if (captured) graph_ = graph;
  }
  return graph_ ? device.launch(graph_, stream_) : enqueue();
}

void Stream::copy(bool inputs) {
  for (const Binding& binding : bindings_) {
    if (binding.is_input != inputs || binding.on_host || binding.growing) continue;
    const Buffer& from = inputs ? binding.host : binding.device;
    const Buffer& to = inputs ? binding.device : binding.host;
    Device::get().copy(to.data(), from.data(), static_cast<size_t>(from.bytes()), stream_);
  }
}

template <class Clock>
void Stream::query(const Clock& clock, bool transfers, std::vector<Trace>& done) {
  Device& device = Device::get();
  Queued& query = queued_[next_++ % std::size(queued_)];
  if (!query.start)
    for (void** event : {&query.start, &query.computes, &query.computed, &query.end}) *event = device.make_event();
  if (!origin_ && device.is_gpu()) {
    origin_ = device.make_event();
    device.record(origin_, stream_);
    device.wait(stream_);
    origin_ms_ = clock();
  }
  Trace& trace = query.trace;
  trace.h2d_start = clock();
  device.record(query.start, stream_);
  if (transfers) copy(true);
  device.record(query.computes, stream_);
  trace.h2d_end = trace.compute_start = trace.enqueue_start = clock();
  // On a CPU it computes on this thread and its helpers, and returns when the outputs are there.
  const bool queued = enqueue_from_graph();
  trace.compute_end = trace.enqueue_end = trace.d2h_start = clock();
  device.record(query.computed, stream_);
  if (transfers) copy(false);
  device.record(query.end, stream_);
  trace.d2h_end = clock();
  if (!queued) throw Failure("the engine could not be run; the library's message says why");
  query.pending = true;
  if (!device.is_gpu() || queued_[next_ % std::size(queued_)].pending) collect(done);
}

// The oldest query that is queued.
void Stream::collect(std::vector<Trace>& done) {
  Device& device = Device::get();
  Queued& query = queued_[next_ % std::size(queued_)].pending ? queued_[next_ % std::size(queued_)]
                                                              : queued_[(next_ + 1) % std::size(queued_)];
  if (!query.pending) return;
  query.pending = false;
  Trace& trace = query.trace;
  if (device.is_gpu()) {
    device.wait_for(query.end);
    trace.h2d_start = origin_ms_ + device.milliseconds(origin_, query.start);
    trace.h2d_end = trace.compute_start = trace.h2d_start + device.milliseconds(query.start, query.computes);
    trace.compute_end = trace.d2h_start = trace.compute_start + device.milliseconds(query.computes, query.computed);
    trace.d2h_end = trace.d2h_start + device.milliseconds(query.computed, query.end);
  }
  done.push_back(trace);
}

void Stream::finish(std::vector<Trace>& done) {
  for (size_t i = 0; i < std::size(queued_); ++i) collect(done);
  origin_ = nullptr;  // the next time has a clock of its own
}

Streams make_streams(Engine& engine, const Options& options, Log& log) {
  Streams streams;
  for (int i = 0; i < options.inference.streams; ++i) {
    streams.push_back(std::make_unique<Stream>(engine, options, log, i == 0));
  }
  return streams;
}

std::vector<Trace> run(Streams& streams, const Options::Inference& options) {
  using std::chrono::duration;
  const auto sleep = [](double ms) {
    if (ms > 0) std::this_thread::sleep_for(duration<double, std::milli>(ms));
  };
  sleep(options.sleep_ms);
  const double start = now();
  const auto clock = [start] { return (now() - start) * 1000; };
  const double end_ms = options.warm_up_ms + options.duration_s * 1000;
  std::atomic<bool> failed{false};
  const auto loop = [&](Stream& stream, std::vector<Trace>& traces) {
    int counted = 0;
    Device::get().use();
    size_t seen = 0;
    while (!failed && (counted < std::max(options.iterations, 1) || options.duration_s < 0 || clock() < end_ms)) {
      stream.query(clock, options.transfers, traces);
      for (; seen < traces.size(); ++seen) counted += traces[seen].compute_start >= options.warm_up_ms;
      sleep(options.idle_ms);
    }
    stream.finish(traces);
  };
  std::vector<std::vector<Trace>> each(streams.size());
  std::vector<std::exception_ptr> errors(streams.size());
  const auto guarded = [&](size_t i) {
    try {
      loop(*streams[i], each[i]);
    } catch (...) {
      failed = true;
      errors[i] = std::current_exception();
    }
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < streams.size(); ++i) threads.emplace_back(guarded, i);
  guarded(0);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
  std::vector<Trace> all;
  for (const auto& traces : each) all.insert(all.end(), traces.begin(), traces.end());
  std::sort(all.begin(), all.end(), [](const Trace& a, const Trace& b) { return a.compute_start < b.compute_start; });
  // With several streams, the outputs without transfers are still on the device: a report reads the host's copy.
  return all;
}

}  // namespace trtexec
