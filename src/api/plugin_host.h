// Plugins as operators: their structs of functions behind ops::Extension.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "ops/extension.h"
#include "vivace/plugin.h"

namespace vivace::api {

/// A plugin as it was registered, with texts of its own.
struct Plugin {
  vivace_plugin functions{};
  std::string domain, name;
  std::string library;  // file name, empty: registered by the program
  uint64_t serial = 0;  // tells it from another of the same name and version

  Plugin() = default;
  Plugin(const Plugin&) = delete;
  Plugin& operator=(const Plugin&) = delete;
  ~Plugin() {
    if (functions.release) functions.release(functions.user);
  }
  /// "com.acme.Swish", as nodes have it.
  std::string op() const { return domain.empty() || domain == "ai.onnx" ? name : domain + "." + name; }
};
using PluginVersions = std::map<int64_t, std::shared_ptr<const Plugin>>;

/// What nodes of an operator mean that has these versions of a plugin.
std::shared_ptr<const ops::Extension> make_plugin_operator(PluginVersions versions);

}  // namespace vivace::api
