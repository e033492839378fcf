// What the handles of the C interface are, and what all its functions share.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <unordered_set>
#include <vector>

#include "base/tensor.h"
#include "builder/builder.h"
#include "ir/graph.h"
#include "runtime/engine.h"
#include "vivace/vivace.h"

namespace vivace::api {

/// Keeps the message for vivace_last_error().
vivace_status fail(const Status& status) noexcept;

/// Runs a function that returns a Status; no exception leaves it.
template <class F>
vivace_status guard(F&& body) noexcept {
  try {
    const Status status = body();
    return status.ok() ? VIVACE_OK : fail(status);
  } catch (const std::bad_alloc&) {
    return fail({Code::out_of_memory, "the machine has no more memory"});
  } catch (const std::exception& e) {
    return fail({Code::internal, std::string("a defect in Vivace: ") + e.what()});
  } catch (...) {
    return fail({Code::internal, "a defect in Vivace: an unknown exception"});
  }
}

/// invalid_argument where a pointer that must be there is NULL.
#define VIVACE_NEED(pointer) \
  if (!(pointer)) return ::vivace::Status(::vivace::Code::invalid_argument, "argument '" #pointer "' is NULL")

/// Memory of malloc for vivace_free(), ending with zero; throws bad_alloc.
char* copy_text(const std::string& text);

/// VIVACE_NUM_THREADS where `threads` is 0 and that is set; invalid_argument where either is no sane number.
Result<int> resolve_threads(int threads);
/// Sends the log where VIVACE_LOG says, once, unless a logger was set before.
void start_log();

/// A vivace_tensor_info with the memory it points to.
class Info {
 public:
  Info(const std::string& name, const ir::Type& type, const plan::ShapeRange* range = nullptr);
  const vivace_tensor_info* get() const { return &info_; }

 private:
  std::string name_, type_;
  std::unique_ptr<Info> element_;
  Shape dims_, min_, opt_, max_;
  std::vector<std::string> texts_;
  std::vector<const char*> symbols_;
  vivace_tensor_info info_{};
};
using Infos = std::vector<std::unique_ptr<Info>>;

/// Views of tensors that a caller passes; invalid_argument where one is NULL.
Result<std::vector<TensorView>> views_of(const vivace_tensor* const* tensors, size_t count);
/// The tensors' shapes; the engine's best ones where `inputs` is NULL.
Result<std::vector<Shape>> shapes_of(const runtime::Engine& engine, const vivace_tensor* const* inputs, size_t count);
/// A caller's shape; invalid_argument where it, or the type, is none.
Result<Shape> shape_of(vivace_dtype dtype, int32_t rank, const int64_t* shape);
/// A copy in memory of its own; elements of lists are shared.
Result<Tensor> copy_of(const Tensor& tensor);

// inspect.cc
Result<std::string> describe(const ir::Graph& graph, vivace_format format);
Result<std::string> describe(const runtime::Engine& engine, vivace_format format);
/// The program's graph as SVG, each node with its tactic and time.
std::string picture(const plan::Program& program);

}  // namespace vivace::api

struct vivace_tensor {
  vivace::Tensor tensor;
};

struct vivace_attributes {
  vivace::ir::Attributes map;
};

struct vivace_network {
  std::unique_ptr<vivace::ir::Graph> graph;
  mutable std::unordered_set<const vivace::ir::Value*> handed_out;  // values the caller may pass
  mutable vivace::api::Infos inputs, outputs;                       // of the last look at each
};

struct vivace_config {
  vivace::builder::BuildConfig build;
  std::string cache_path;
  bool cache_named = false;
};

struct vivace_plan {
  vivace::plan::Plan plan;
  std::shared_ptr<const vivace::builder::Report> report;  // null for a plan from a file
};

struct vivace_engine {
  std::shared_ptr<vivace::runtime::Engine> engine;
  vivace::api::Infos inputs, outputs;
};

struct vivace_context {
  std::shared_ptr<vivace::runtime::Engine> engine;
  std::unique_ptr<vivace::runtime::Context> context;
  std::vector<vivace::runtime::LayerTime> times;
  std::vector<vivace_layer_time> layers;
};
