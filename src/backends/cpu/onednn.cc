#include "backends/cpu/onednn.h"

#include <dlfcn.h>

#include <cstdlib>
#include <string_view>

namespace vivace::cpu::onednn {

namespace {

struct Loaded {
  Library functions{};
  bool usable = false;
  std::string reason;
};

Loaded load() {
  Loaded loaded;
  const char* wish = std::getenv("VIVACE_ONEDNN");
  if (wish && std::string_view(wish) == "off") {
    loaded.reason = "VIVACE_ONEDNN is off";
    return loaded;
  }
  void* file = dlopen(wish ? wish : "libdnnl.so.3", RTLD_NOW | RTLD_LOCAL);
  if (!file) {
    loaded.reason = "oneDNN 3 (libdnnl.so.3) is not here";
    return loaded;
  }
  Library& f = loaded.functions;
  bool complete = true;
  const auto find = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(file, name));
    if (!function && complete) {
      complete = false;
      loaded.reason = std::string("oneDNN lacks ") + name;
    }
  };
#define FIND(name) find(f.name, "dnnl_" #name)
  FIND(engine_create);
  FIND(stream_create);
  FIND(stream_destroy);
  FIND(memory_desc_create_with_strides);
  FIND(memory_desc_create_with_tag);
  FIND(memory_desc_destroy);
  FIND(memory_desc_equal);
  FIND(memory_desc_get_size);
  FIND(memory_create);
  FIND(memory_destroy);
  FIND(primitive_attr_create);
  FIND(primitive_attr_destroy);
  FIND(primitive_attr_set_scratchpad_mode);
  FIND(primitive_attr_set_post_ops);
  FIND(post_ops_create);
  FIND(post_ops_destroy);
  FIND(post_ops_append_sum);
  FIND(post_ops_append_eltwise);
  FIND(convolution_forward_primitive_desc_create);
  FIND(matmul_primitive_desc_create);
  FIND(reorder_primitive_desc_create);
  FIND(primitive_desc_query_md);
  FIND(primitive_desc_destroy);
  FIND(primitive_create);
  FIND(primitive_destroy);
  FIND(primitive_execute);
  FIND(stream_wait);
#undef FIND
  f.set_threads = reinterpret_cast<void (*)(int)>(dlsym(file, "omp_set_num_threads"));
  if (complete && f.engine_create(&f.engine, kCpu, 0) != 0) {
    complete = false;
    loaded.reason = "oneDNN finds no processor";
  }
  loaded.usable = complete;
  return loaded;
}

}  // namespace

const Library* library(std::string* reason) {
  static const Loaded loaded = load();
  if (reason) *reason = loaded.reason;
  return loaded.usable ? &loaded.functions : nullptr;
}

}  // namespace vivace::cpu::onednn
