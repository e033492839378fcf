// Models from hostile bytes: whatever is read is a sound graph, and everything else an error.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <span>

#include "frontends/onnx/attribute_kinds.h"
#include "frontends/onnx/import.h"
#include "ops/operator.h"
#include "protobuf_mutator.h"

namespace {

// Operators, attributes, and what attributes hold.
std::vector<std::string> make_words() {
  std::vector<std::string> words = {"",
                                    "x",
                                    "y",
                                    "w",
                                    "ai.onnx",
                                    "NOTSET",
                                    "SAME_UPPER",
                                    "VALID",
                                    "constant",
                                    "linear",
                                    "cubic",
                                    "nearest",
                                    "bidirectional",
                                    "reverse",
                                    "Tanh",
                                    "ij,jk->ik",
                                    "...i,i",
                                    "half_pixel",
                                    "align_corners",
                                    "tf_crop_and_resize",
                                    "asymmetric",
                                    "floor",
                                    "not_larger",
                                    "add",
                                    "mul",
                                    "max",
                                    "none"};
  for (const auto& row : vivace::ops::all_operators()) words.emplace_back(row.name);
  for (const char* old : {"Upsample", "Scatter", "Crop", "Affine", "ImageScaler", "Constant"}) words.emplace_back(old);
  for (const std::string_view name : vivace::onnx::attribute_names()) words.emplace_back(name);
  return words;
}

void check(const vivace::Status& status, const char* what) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s: %s\n", what, status.message().c_str());
  std::abort();
}

}  // namespace

extern "C" size_t LLVMFuzzerMutate(uint8_t* data, size_t size, size_t max_size);

extern "C" size_t LLVMFuzzerCustomMutator(uint8_t* data, size_t size, size_t max_size, unsigned seed) {
  static const std::vector<std::string> words = make_words();
  if (seed % 8 != 0) {
    const std::string mutated =
        vivace::fuzz::ProtobufMutator(words, seed).mutate({reinterpret_cast<const char*>(data), size});
    if (!mutated.empty() && mutated.size() <= max_size) {
      std::memcpy(data, mutated.data(), mutated.size());
      return mutated.size();
    }
  }
  return LLVMFuzzerMutate(data, size, max_size);
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vivace;
  onnx::ImportOptions limits;
  limits.max_nodes = 2000;
  limits.max_sparse_bytes = 1 << 20;
  const auto graph = onnx::import_bytes(std::as_bytes(std::span(data, size)), limits);
  if (!graph.ok()) {
    if (graph.status().code() == Code::internal) check(graph.status(), "a defect");
    return 0;
  }
  check(ir::verify(**graph), "the graph is not sound");
  check(ops::infer_graph(**graph), "types inferred once are not inferred again");
  check(ir::verify(*(*graph)->clone()), "the copy is not sound");
  return 0;
}
