// The registry of plugins, and libraries that add to it.
#include "api/plugins.h"

#include <dlfcn.h>

#include <algorithm>
#include <filesystem>
#include <mutex>
#include <set>

#include "api/handles.h"
#include "api/plugin_host.h"
#include "base/log.h"
#include "base/version.h"
#include "frontends/onnx/import.h"

namespace vivace::api {

namespace {

// Never destroyed: libraries stay until the process ends.
struct Registry {
  std::mutex mutex;
  std::map<std::string, PluginVersions> by_op;
  uint64_t made = 0;
  std::mutex loading;  // held while a library is loaded
  std::set<void*> libraries;
};
Registry& registry() {
  static auto* made = new Registry();
  return *made;
}

std::string title_of(const Plugin& p) {
  return "plugin '" + p.name + "', version " + std::to_string(p.functions.version) + ", domain '" + p.domain + "'";
}

void publish(const std::string& op, const PluginVersions& versions) {
  ops::register_extension(op, versions.empty() ? nullptr : make_plugin_operator(versions));
}

Result<std::shared_ptr<Plugin>> copy_of(const vivace_plugin& from, const std::string& library) {
  // Size and ABI stand at the same place in every version of the struct.
  if (from.abi != VIVACE_PLUGIN_ABI || from.size < sizeof(vivace_plugin))
    return Status(Code::version_mismatch,
                  "a plugin was compiled for version " + std::to_string(from.abi) + " of the plugin interface (" +
                      std::to_string(from.size) + " bytes), this Vivace (" + version() + ") has version " +
                      std::to_string(VIVACE_PLUGIN_ABI) + " (" + std::to_string(sizeof(vivace_plugin)) +
                      " bytes); compile it with this Vivace's vivace/plugin.h");
  auto made = std::make_shared<Plugin>();
  made->domain = from.domain ? from.domain : "";
  made->name = from.name ? from.name : "";
  made->library = library;
  if (made->name.empty()) return Status(Code::invalid_argument, "a plugin has no name");
  const std::string who = "plugin '" + made->op() + "' ";
  if (from.version < 1) return Status(Code::invalid_argument, who + "has no version; versions count from 1");
  if (!from.create || !from.destroy || !from.infer || (!from.run && !from.enqueue))
    return Status(Code::invalid_argument, who +
                                              "lacks a function: create, destroy, infer and one of run and enqueue "
                                              "are needed");
  if (onnx::knows_operator(made->op()))
    return Status(Code::invalid_argument, who +
                                              "has the name of an operator of Vivace's own, which plugins cannot "
                                              "replace; give it another name or domain");
  made->functions = from;
  made->functions.domain = made->domain.c_str();
  made->functions.name = made->name.c_str();
  return made;
}

Status add(const vivace_plugin& from, const std::string& library, std::vector<std::shared_ptr<const Plugin>>* added) {
  VIVACE_ASSIGN(std::shared_ptr<Plugin> plugin, copy_of(from, library));
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  plugin->serial = ++all.made;
  PluginVersions& versions = all.by_op[plugin->op()];
  if (const auto same = versions.find(from.version); same != versions.end()) {
    plugin->functions.release = nullptr;  // it stays the caller's
    return {Code::invalid_argument, title_of(*plugin) + ", is registered already" +
                                        (same->second->library.empty() ? "" : ", by '" + same->second->library + "'")};
  }
  versions[from.version] = plugin;
  publish(plugin->op(), versions);
  if (added) added->push_back(std::move(plugin));
  return {};
}

Status remove(const std::string& op, int64_t version, const std::string& what) {
  std::shared_ptr<const Plugin> gone;  // after the lock
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  PluginVersions& versions = all.by_op[op];
  const auto at = versions.find(version);
  if (at == versions.end()) return {Code::invalid_argument, what + ", is not registered"};
  gone = at->second;
  versions.erase(at);
  publish(op, versions);
  return {};
}

// What a library adds, and the first thing that went wrong.
struct Loading {
  std::string library;
  std::vector<std::shared_ptr<const Plugin>> added;
  Status failed;
};

vivace_status add_of_library(vivace_plugin_registry* to, const vivace_plugin* plugin) {
  auto& loading = *static_cast<Loading*>(to->host);
  const vivace_status status = guard([&]() -> Status {
    VIVACE_NEED(plugin);
    return add(*plugin, loading.library, &loading.added);
  });
  if (status != VIVACE_OK && loading.failed.ok()) loading.failed = {static_cast<Code>(status), vivace_last_error()};
  return status;
}

// What the dynamic linker says, without the path that it may begin with.
std::string linker_error(const std::string& path) {
  const char* text = dlerror();
  std::string said = text ? text : "no reason given";
  if (said.starts_with(path + ": ")) said.erase(0, path.size() + 2);
  return said;
}

}  // namespace

Status load_plugins(const std::string& path) {
  Registry& all = registry();
  const std::lock_guard lock(all.loading);
  // A name without a folder is a file here, not one that the linker looks for elsewhere.
  const std::string file = path.find('/') == std::string::npos ? "./" + path : path;
  const std::string what = "library of plugins '" + path + "'";
  void* const library = dlopen(file.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (!library) return {Code::io_error, what + " cannot be loaded: " + linker_error(file)};
  if (all.libraries.contains(library)) return dlclose(library), Status();
  const auto entry = reinterpret_cast<vivace_plugins_function>(dlsym(library, VIVACE_PLUGINS_SYMBOL));
  if (!entry) {
    dlclose(library);
    return {Code::invalid_argument, what + " exports no function " VIVACE_PLUGINS_SYMBOL
                                           "(), which adds plugins to a registry (vivace/plugin.h)"};
  }
  Loading loading{std::filesystem::path(path).filename().string(), {}, {}};
  vivace_plugin_registry given{sizeof given, VIVACE_PLUGIN_ABI, version(), add_of_library, &loading};
  const vivace_status status = entry(&given);
  Status failed = std::move(loading.failed);
  if (failed.ok() && status != VIVACE_OK)
    failed = {status > VIVACE_OK && status <= VIVACE_INTERNAL ? static_cast<Code>(status) : Code::internal,
              std::string("its " VIVACE_PLUGINS_SYMBOL "() failed: ") + vivace_status_name(status)};
  if (failed.ok() && loading.added.empty()) failed = {Code::invalid_argument, "it adds no plugin"};
  if (!failed.ok()) {
    for (const auto& plugin : loading.added) (void)remove(plugin->op(), plugin->functions.version, "");
    loading.added.clear();
    dlclose(library);
    return failed.within(what);
  }
  all.libraries.insert(library);
  for (const auto& plugin : loading.added) log(Severity::verbose, title_of(*plugin) + ", of " + path);
  return {};
}

std::vector<PluginInfo> list_plugins() {
  std::vector<PluginInfo> list;
  Registry& all = registry();
  const std::lock_guard lock(all.mutex);
  for (const auto& [op, versions] : all.by_op)
    for (const auto& [version, plugin] : versions)
      list.push_back({op, plugin->domain, plugin->name, version, plugin->library, plugin->functions.run != nullptr,
                      plugin->functions.enqueue != nullptr});
  return list;
}

}  // namespace vivace::api

using namespace vivace;

vivace_status vivace_load_plugins(const char* path) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(path);
    api::start_log();
    return api::load_plugins(path);
  });
}

vivace_status vivace_add_plugin(const vivace_plugin* plugin) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(plugin);
    return api::add(*plugin, "", nullptr);
  });
}

vivace_status vivace_remove_plugin(const char* domain, const char* name, int32_t version) {
  return api::guard([&]() -> Status {
    VIVACE_NEED(name);
    api::Plugin key;
    key.domain = domain ? domain : "";
    key.name = name;
    key.functions.version = version;
    return api::remove(key.op(), version, api::title_of(key));
  });
}
