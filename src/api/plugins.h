// Which plugins there are.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace vivace::api {

/// As vivace_load_plugins().
Status load_plugins(const std::string& path);

struct PluginInfo {
  std::string op, domain, name;
  int64_t version;
  std::string library;  // empty: of the program's own
  bool on_cpu, on_gpu;
};
/// By operator and version.
std::vector<PluginInfo> list_plugins();

}  // namespace vivace::api
