// The registry of plugin creators.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "NvInfer.h"
#include "tensorrt/report.h"

namespace vivace::tensorrt {

class PluginRegistry final : public nvinfer1::IPluginRegistry {
 public:
  bool registerCreator(nvinfer1::IPluginCreator& creator, char const* library_namespace) noexcept override;
  bool registerCreator(nvinfer1::IPluginCreatorInterface& creator, char const* library_namespace) noexcept override;
  bool deregisterCreator(nvinfer1::IPluginCreator const& creator) noexcept override;
  bool deregisterCreator(nvinfer1::IPluginCreatorInterface const& creator) noexcept override;
  nvinfer1::IPluginCreator* const* getPluginCreatorList(int32_t* count) const noexcept override;
  nvinfer1::IPluginCreator* getPluginCreator(char const* name, char const* version,
                                             char const* library_namespace) noexcept override;
  nvinfer1::IPluginCreatorInterface* const* getAllCreators(int32_t* count) const noexcept override;
  nvinfer1::IPluginCreatorInterface* const* getAllCreatorsRecursive(int32_t* count) noexcept override;
  nvinfer1::IPluginCreatorInterface* getCreator(char const* name, char const* version,
                                                char const* library_namespace) noexcept override;
  void setErrorRecorder(nvinfer1::IErrorRecorder* recorder) noexcept override { errors_.record_to(recorder); }
  nvinfer1::IErrorRecorder* getErrorRecorder() const noexcept override { return errors_.recorder; }
  // There is one registry: it has no parent to search.
  bool isParentSearchEnabled() const override { return parent_search_; }
  void setParentSearchEnabled(bool enabled) override { parent_search_ = enabled; }
  PluginLibraryHandle loadLibrary(char const* path) noexcept override;
  void deregisterLibrary(PluginLibraryHandle handle) noexcept override;
  nvinfer1::IPluginResource* acquirePluginResource(char const* key,
                                                   nvinfer1::IPluginResource* resource) noexcept override;
  int32_t releasePluginResource(char const* key) noexcept override;

 private:
  struct Entry {
    std::string name, version, space;
    nvinfer1::IPluginCreatorInterface* creator;
    nvinfer1::IPluginCreator* of_v2;  // null for creators of the third generation
  };
  struct Resource {
    nvinfer1::IPluginResource* resource;
    int uses;
  };
  Errors errors() const;
  /// With the creator's name and version, and its namespace where the library says none.
  template <class Creator>
  bool add(Creator& creator, nvinfer1::IPluginCreator* of_v2, char const* library_namespace) noexcept;
  bool remove(const nvinfer1::IPluginCreatorInterface* creator);
  const Entry* find(char const* name, char const* version, char const* space) const;

  // Never held while a creator or a resource is called, except that resources are cloned and released under the second:
  // they may wait for locks of the client's, which another thread holds while it asks for a creator.
  mutable std::mutex mutex_;
  std::recursive_mutex resource_mutex_;
  std::vector<Entry> entries_;
  // What the lists handed out point to.
  mutable std::vector<nvinfer1::IPluginCreator*> of_v2_;
  mutable std::vector<nvinfer1::IPluginCreatorInterface*> all_;
  std::map<std::string, Resource> resources_;
  std::map<void*, std::vector<nvinfer1::IPluginCreatorInterface*>> libraries_;
  Errors errors_;
  bool parent_search_ = true;
};

}  // namespace vivace::tensorrt
