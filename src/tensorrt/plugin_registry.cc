#include "tensorrt/plugin_registry.h"

#include <dlfcn.h>

#include <algorithm>
#include <cstring>

namespace vivace::tensorrt {

using nvinfer1::IPluginCreator;
using nvinfer1::IPluginCreatorInterface;
using nvinfer1::IPluginCreatorV3One;

namespace {

std::string text(char const* s) { return s ? s : ""; }

Status bad(const std::string& what) { return {Code::invalid_argument, what}; }

// What a shared library of plugins may export, and what it must take its logger from.
using GetCreators = IPluginCreatorInterface* const* (*)(int32_t&);
using GetPluginCreators = IPluginCreator* const* (*)(int32_t&);
using SetLoggerFinder = void (*)(nvinfer1::ILoggerFinder*);

class LastLogger final : public nvinfer1::ILoggerFinder {
 public:
  nvinfer1::ILogger* findLogger() override { return ::getLogger(); }
};

}  // namespace

Errors PluginRegistry::errors() const { return {::getLogger(), errors_.recorder}; }

template <class Creator>
bool PluginRegistry::add(Creator& creator, IPluginCreator* of_v2, char const* library_namespace) noexcept {
  return guarded(errors(), [&]() -> Status {
    const bool given = library_namespace && *library_namespace;
    Entry entry{text(creator.getPluginName()), text(creator.getPluginVersion()),
                given ? library_namespace : text(creator.getPluginNamespace()), &creator, of_v2};
    if (entry.name.empty() || entry.version.empty()) return bad("the plugin creator has no name or no version");
    const std::lock_guard lock(mutex_);
    if (find(entry.name.c_str(), entry.version.c_str(), entry.space.c_str()))
      return bad("a plugin creator named '" + entry.name + "', version '" + entry.version + "', namespace '" +
                 entry.space + "' is registered already; deregister it first");
    entries_.push_back(std::move(entry));
    return {};
  });
}

const PluginRegistry::Entry* PluginRegistry::find(char const* name, char const* version, char const* space) const {
  for (const Entry& entry : entries_)
    if (entry.name == text(name) && entry.version == text(version) && entry.space == text(space)) return &entry;
  return nullptr;
}

bool PluginRegistry::registerCreator(IPluginCreator& creator, char const* library_namespace) noexcept {
  if (library_namespace && *library_namespace) creator.setPluginNamespace(library_namespace);
  return add(creator, &creator, library_namespace);
}

bool PluginRegistry::registerCreator(IPluginCreatorInterface& creator, char const* library_namespace) noexcept {
  const std::string kind = text(creator.getInterfaceInfo().kind);
  if (kind == "PLUGIN CREATOR_V1") return registerCreator(static_cast<IPluginCreator&>(creator), library_namespace);
  if (kind == "PLUGIN CREATOR_V3ONE")
    return add(static_cast<IPluginCreatorV3One&>(creator), nullptr, library_namespace);
  errors().report(
      bad("the plugin creator is of kind '" + kind + "'; 'PLUGIN CREATOR_V1' and 'PLUGIN CREATOR_V3ONE' are known"));
  return false;
}

bool PluginRegistry::remove(const IPluginCreatorInterface* creator) {
  return std::erase_if(entries_, [&](const Entry& entry) { return entry.creator == creator; }) > 0;
}

bool PluginRegistry::deregisterCreator(IPluginCreator const& creator) noexcept {
  return deregisterCreator(static_cast<IPluginCreatorInterface const&>(creator));
}

bool PluginRegistry::deregisterCreator(IPluginCreatorInterface const& creator) noexcept {
  const std::lock_guard lock(mutex_);
  return remove(&creator);
}

IPluginCreator* const* PluginRegistry::getPluginCreatorList(int32_t* count) const noexcept {
  const std::lock_guard lock(mutex_);
  guarded(errors(), [&] {
    of_v2_.clear();
    for (const Entry& entry : entries_)
      if (entry.of_v2) of_v2_.push_back(entry.of_v2);
    return Status();
  });
  if (count) *count = static_cast<int32_t>(of_v2_.size());
  return of_v2_.data();
}

IPluginCreatorInterface* const* PluginRegistry::getAllCreators(int32_t* count) const noexcept {
  const std::lock_guard lock(mutex_);
  guarded(errors(), [&] {
    all_.clear();
    for (const Entry& entry : entries_) all_.push_back(entry.creator);
    return Status();
  });
  if (count) *count = static_cast<int32_t>(all_.size());
  return all_.data();
}

IPluginCreatorInterface* const* PluginRegistry::getAllCreatorsRecursive(int32_t* count) noexcept {
  return getAllCreators(count);
}

IPluginCreator* PluginRegistry::getPluginCreator(char const* name, char const* version,
                                                 char const* library_namespace) noexcept {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(name, version, library_namespace);
  return entry ? entry->of_v2 : nullptr;
}

IPluginCreatorInterface* PluginRegistry::getCreator(char const* name, char const* version,
                                                    char const* library_namespace) noexcept {
  const std::lock_guard lock(mutex_);
  const Entry* entry = find(name, version, library_namespace);
  return entry ? entry->creator : nullptr;
}

// A library registers its creators while it is loaded (REGISTER_TENSORRT_PLUGIN), or gives them by a function.
PluginRegistry::PluginLibraryHandle PluginRegistry::loadLibrary(char const* path) noexcept {
  void* handle = nullptr;
  guarded(errors(), [&]() -> Status {
    if (!path) return bad("loadLibrary: the path is null");
    size_t before = 0;
    {
      const std::lock_guard lock(mutex_);
      before = entries_.size();
    }
    void* opened = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!opened) {
      const char* why = dlerror();
      return {Code::io_error, std::string("plugin library '") + path + "' cannot be loaded: " + text(why)};
    }
    static LastLogger finder;
    if (const auto set = reinterpret_cast<SetLoggerFinder>(dlsym(opened, "setLoggerFinder"))) set(&finder);
    int32_t count = 0;
    if (const auto get = reinterpret_cast<GetCreators>(dlsym(opened, "getCreators"))) {
      IPluginCreatorInterface* const* creators = get(count);
      for (int32_t i = 0; creators && i < count; ++i) registerCreator(*creators[i], "");
    } else if (const auto get_v2 = reinterpret_cast<GetPluginCreators>(dlsym(opened, "getPluginCreators"))) {
      IPluginCreator* const* creators = get_v2(count);
      for (int32_t i = 0; creators && i < count; ++i) registerCreator(*creators[i], "");
    }
    const std::lock_guard lock(mutex_);
    std::vector<IPluginCreatorInterface*>& of = libraries_[opened];
    for (size_t i = before; i < entries_.size(); ++i) of.push_back(entries_[i].creator);
    handle = opened;
    return {};
  });
  return handle;
}

void PluginRegistry::deregisterLibrary(PluginLibraryHandle handle) noexcept {
  {
    const std::lock_guard lock(mutex_);
    const auto at = libraries_.find(handle);
    if (at == libraries_.end()) return;
    for (const IPluginCreatorInterface* creator : at->second) remove(creator);
    libraries_.erase(at);
  }
  dlclose(handle);
}

nvinfer1::IPluginResource* PluginRegistry::acquirePluginResource(char const* key,
                                                                 nvinfer1::IPluginResource* resource) noexcept {
  const std::lock_guard lock(resource_mutex_);
  nvinfer1::IPluginResource* found = nullptr;
  guarded(errors(), [&]() -> Status {
    if (!key) return bad("acquirePluginResource: the key is null");
    auto at = resources_.find(key);
    if (at == resources_.end()) {
      if (!resource) return bad(std::string("there is no plugin resource '") + key + "'");
      nvinfer1::IPluginResource* own = resource->clone();
      if (!own) return bad(std::string("plugin resource '") + key + "' could not be cloned");
      at = resources_.emplace(key, Resource{own, 0}).first;
    }
    ++at->second.uses;
    found = at->second.resource;
    return {};
  });
  return found;
}

int32_t PluginRegistry::releasePluginResource(char const* key) noexcept {
  const std::lock_guard lock(resource_mutex_);
  int32_t result = -1;
  guarded(errors(), [&]() -> Status {
    const auto at = resources_.find(text(key));
    if (at == resources_.end()) return bad("there is no plugin resource '" + text(key) + "'");
    result = 0;
    if (--at->second.uses > 0) return {};
    result = at->second.resource->release() == 0 ? 0 : -1;
    delete at->second.resource;
    resources_.erase(at);
    return {};
  });
  return result;
}

}  // namespace vivace::tensorrt

// Never destroyed: creators of a program's static objects may leave after it.
extern "C" TENSORRTAPI nvinfer1::IPluginRegistry* getPluginRegistry() noexcept {
  static auto* registry = new vivace::tensorrt::PluginRegistry();
  return registry;
}

namespace nvinfer1 {
extern "C" TENSORRTAPI IPluginRegistry* getBuilderPluginRegistry(EngineCapability capability) noexcept {
  return capability == EngineCapability::kSTANDARD ? ::getPluginRegistry() : nullptr;
}
extern "C" TENSORRTAPI safe::IPluginRegistry* getBuilderSafePluginRegistry(EngineCapability) noexcept {
  return nullptr;
}
}  // namespace nvinfer1
