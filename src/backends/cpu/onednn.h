// oneDNN, found at run time: libdnnl.so.3, from the system or the PyPI package onednn-cpu-gomp. The declarations are
// the part of its C interface (version 3) that the rows use.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace vivace::cpu::onednn {

using Handle = void*;  // engine, stream, memory descriptor, attribute, primitive descriptor, primitive, memory
constexpr int kMaxDims = 12;

struct Argument {
  int id;
  Handle memory;
};

// Numbers of the C interface.
enum : int {
  kCpu = 1, kF32 = 3, kForwardInference = 96, kConvolutionDirect = 1, kAnyFormat = 1,
  kBlocked16 = 78, kBlocked8 = 102,  // NCHW with channels in blocks
  kWeightsDesc = 131, kScratchpadDesc = 136, kUserScratchpad = 1, kInOrder = 1,
  kSource = 1, kDestination = 17, kWeights = 33, kBias = 41, kScratchpad = 80,
  kRelu = 32, kTanh = 33, kHardSigmoid = 40, kLogistic = 41, kGeluTanh = 43, kSwish = 44, kClip = 46, kGeluErf = 49, kHardSwish = 52,
};

struct Library {
  int (*engine_create)(Handle*, int kind, size_t index);
  int (*stream_create)(Handle*, Handle engine, unsigned flags);
  int (*stream_destroy)(Handle);
  int (*memory_desc_create_with_strides)(Handle*, int ndims, const int64_t* dims, int type, const int64_t* strides);
  int (*memory_desc_create_with_tag)(Handle*, int ndims, const int64_t* dims, int type, int tag);
  int (*memory_desc_destroy)(Handle);
  int (*memory_desc_equal)(const void*, const void*);
  size_t (*memory_desc_get_size)(const void*);
  int (*memory_create)(Handle*, const void* desc, Handle engine, void* data);
  int (*memory_destroy)(Handle);
  int (*primitive_attr_create)(Handle*);
  int (*primitive_attr_destroy)(Handle);
  int (*primitive_attr_set_scratchpad_mode)(Handle, int mode);
  int (*primitive_attr_set_post_ops)(Handle, Handle post_ops);
  int (*post_ops_create)(Handle*);
  int (*post_ops_destroy)(Handle);
  int (*post_ops_append_sum)(Handle, float scale, int32_t zero_point, int type);
  int (*post_ops_append_eltwise)(Handle, int algorithm, float alpha, float beta);
  int (*convolution_forward_primitive_desc_create)(Handle*, Handle engine, int propagation, int algorithm, const void* source,
                                                   const void* weights, const void* bias, const void* destination,
                                                   const int64_t* strides, const int64_t* dilations, const int64_t* pads_begin,
                                                   const int64_t* pads_end, Handle attributes);
  int (*matmul_primitive_desc_create)(Handle*, Handle engine, const void* source, const void* weights, const void* bias,
                                      const void* destination, Handle attributes);
  int (*reorder_primitive_desc_create)(Handle*, const void* from, Handle from_engine, const void* to, Handle to_engine, Handle attributes);
  const void* (*primitive_desc_query_md)(const void*, int what, int index);
  int (*primitive_desc_destroy)(Handle);
  int (*primitive_create)(Handle*, const void* desc);
  int (*primitive_destroy)(Handle);
  int (*primitive_execute)(const void*, Handle stream, int count, const Argument* arguments);
  int (*stream_wait)(Handle);
  void (*set_threads)(int);  // of the calling thread's parallel regions; null where the library has no OpenMP

  Handle engine;  // the processor
};

/// The library, loaded on first use; nullptr where it cannot be had, with the reason. `VIVACE_ONEDNN` names the file to
/// load, or "off".
const Library* library(std::string* reason = nullptr);

}  // namespace vivace::cpu::onednn
