#include "ops/extension.h"

#include <map>
#include <mutex>
#include <optional>

namespace vivace::ops {

namespace {

struct Registry {
  std::mutex mutex;
  std::map<std::string, Extension> kinds;
};

Registry& registry() {
  static Registry made;
  return made;
}

std::optional<Extension> find(const ir::Attributes& attributes) {
  const std::lock_guard lock(registry().mutex);
  const auto at = registry().kinds.find(attributes.text("kind"));
  return at == registry().kinds.end() ? std::nullopt : std::optional(at->second);
}

Status missing(const ir::Node& node) {
  return {Code::unsupported, node.describe() + ": nothing here computes extensions of kind '" +
                                 node.attributes.text("kind") + "'; load the plan with the library that built it"};
}

}  // namespace

void register_extension(const std::string& kind, Extension extension) {
  const std::lock_guard lock(registry().mutex);
  registry().kinds[kind] = extension;
}

Status infer_extension(Inference& in) {
  const std::optional<Extension> extension = find(in.attributes);
  return extension ? extension->infer(in) : missing(in.node);
}

Status reference_extension(Call& call) {
  const std::optional<Extension> extension = find(call.attributes);
  return extension ? extension->run(call) : missing(call.node);
}

}  // namespace vivace::ops
