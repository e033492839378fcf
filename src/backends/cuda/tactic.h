// A tactic of the GPU: a row that says which problems it can do, and writes the kernels for exactly the problem given.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "backends/cpu/tactic.h"
#include "backends/cuda/device.h"
#include "backends/cuda/driver_api.h"

namespace vivace::cuda {

using cpu::no;
using cpu::Problem;
using cpu::TensorInfo;
using cpu::Verdict;
using cpu::yes;

/// What a kernel is given: addresses, known once the bases of a run are, and numbers.
struct Argument {
  enum class Kind { input, output, workspace, packed, fault };
  Kind kind;
  int index = 0;      // which input, output or packed constant
  size_t offset = 0;  // bytes
};
inline Argument input(int i, size_t offset = 0) { return {Argument::Kind::input, i, offset}; }
inline Argument output(int i = 0, size_t offset = 0) { return {Argument::Kind::output, i, offset}; }
inline Argument workspace(size_t offset = 0) { return {Argument::Kind::workspace, 0, offset}; }
/// A word that a kernel sets to 1 where the data make no sense; the run then fails with the job's `fault`.
inline Argument fault() { return {Argument::Kind::fault, 0, 0}; }
inline Argument packed(int i) { return {Argument::Kind::packed, i, 0}; }

/// Work that the host puts into a stream by a call of a library, instead of a kernel (vendor.h). Any thread may; the
/// GPU's context is current. What it needs of the library lives as long as it does.
class LibraryCall {
 public:
  virtual ~LibraryCall() = default;
  virtual Status put(StreamHandle* stream, const std::vector<DevicePointer>& arguments) const = 0;
};

/// One kernel and how it is launched. Sizes are numbers in its source; its parameters are addresses alone.
struct Launch {
  std::string name;    // of the function in `source`
  std::string source;  // CUDA C++, compiled by NVRTC without headers
  unsigned grid[3] = {1, 1, 1};
  unsigned block = 256;
  unsigned shared_bytes = 0;  // dynamic
  unsigned cluster = 1;       // blocks of a cluster, along x of the grid; Hopper and newer
  /// The kernel calls begin() (source.h) before it touches what other kernels write or read, so that it may start while
  /// the one before it still runs.
  bool waits = false;
  std::vector<Argument> arguments;
  std::shared_ptr<const LibraryCall> call =
      {};  // in place of a kernel: then there is no source, and nothing waits early
};

/// What runs a node at concrete shapes: kernels one after the other.
struct Job {
  std::vector<Launch> launches;
  size_t workspace = 0;
  std::string fault;  // what a kernel that sets the fault word complains of
};

struct Tactic {
  bool runs(std::string_view op) const {
    return operators.empty() || std::find(operators.begin(), operators.end(), op) != operators.end();
  }

  std::string_view name;
  int version;                              // changes when kernels, packed weights or results do
  std::vector<std::string_view> operators;  // it may run; empty: any
  /// The vendor's library that it calls ("cudnn"), empty: none. Such a row supports problems of a GPU that is here
  /// where the library is, and is chosen only where a build allows that library.
  std::string_view library = {};
  /// No element of its inputs is read again and again, so that they may come over the bus, which has no cache.
  bool reads_once = false;
  Verdict (*supports)(const Problem&, const Device&);
  /// Variants worth timing, most promising first; nullptr: one, the empty text.
  std::vector<std::string> (*configurations)(const Problem&, const Device&) = nullptr;
  /// Expected seconds of one run.
  double (*estimate)(const Problem&, const std::string& configuration, const Device&);
  /// Constants as this tactic wants them; nullptr: it takes them as they are.
  Result<std::vector<Tensor>> (*prepare)(const Problem&, const std::string& configuration, const Device&) = nullptr;
  /// The kernels; a pure function of its arguments, and of the library where it calls one. Only for problems that it
  /// supports.
  Result<Job> (*generate)(const Problem&, const std::string& configuration, const Device&);
};

/// All rows, in order of preference where estimates tie. What none of them supports runs on the CPU.
std::span<const Tactic* const> all_tactics();
const Tactic* find_tactic(std::string_view name);

/// Tells a node without a row: the program's choice for it, by which the executor runs it on the CPU.
constexpr std::string_view kHost = "host";

/// A rough cost for estimates: a launch, and bytes at memory speed or multiplications at a share of the peak.
double roofline_seconds(double flops, double bytes, double efficiency, const Device& device);

}  // namespace vivace::cuda
