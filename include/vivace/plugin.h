/* Plugins: operators that Vivace lacks, from a shared library or from the program itself.
 *
 * A plugin is a struct of functions. A library exports vivace_plugins(), which adds its plugins to a registry; it needs this
 * header alone and links nothing of Vivace. Nodes of a model whose operator is called DOMAIN.NAME run by the plugin of that
 * domain and name; the plan keeps domain, name, version and the node's attributes ("fields"), and needs the plugin again
 * when it is loaded. vivace/plugin.hpp is the same for C++.
 *
 * Threads: Vivace calls any function of a plugin from any thread, and those of one instance from several at once; only
 * create() and destroy() have an instance to themselves. Functions that fail write a sentence into the error given, and
 * must not throw. Memory that a call hands over is there until the function returns.
 */
#ifndef VIVACE_PLUGIN_H_
#define VIVACE_PLUGIN_H_

#include "vivace/vivace.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Changes when something below does that existing libraries would not survive. */
#define VIVACE_PLUGIN_ABI 1
#define VIVACE_PLUGIN_MAX_RANK 64

typedef struct vivace_plugin_text {
  const char* data; /* ends with zero as well */
  size_t length;
} vivace_plugin_text;

/** Where a plugin says what went wrong, cut off where it does not fit. */
typedef struct vivace_plugin_error {
  char message[1024];
} vivace_plugin_error;

/** A tensor, or what is known of it. */
typedef struct vivace_plugin_tensor {
  vivace_dtype dtype;         /* VIVACE_UNDEFINED: left out */
  int32_t rank;               /* -1: unknown, while inferring */
  const int64_t* dims;        /* -1: not known yet, never while running */
  const char* const* symbols; /* while inferring: the name of each dimension that has one, else NULL ("batch", "(seq+1)") */
  /* While running: the elements, on a GPU their address there. While inferring: those of an input that are known before the
   * model runs, else NULL. An array of vivace_plugin_text where dtype is VIVACE_STRING; see set_string() for outputs. */
  void* data;
  size_t bytes;               /* of the data; 0 for strings */
  /* 0: row-major. c: an image [N, C, H, W] with its channels in blocks: on the CPU [N, ceil(C/c), H, W, c], on a GPU
   * [N, H, W, c], of which the first C are its own. On the CPU, and on a GPU up to the next multiple of 8, lanes past C hold
   * zeros and must get them; others of a GPU belong to somebody else. Only where supports() takes it. */
  int32_t channel_block;
} vivace_plugin_tensor;

/** What a field holds, numbered as in ONNX's AttributeProto. */
typedef VIVACE_ENUM(vivace_field_kind) {
  VIVACE_FIELD_FLOAT = 1,  /* one float */
  VIVACE_FIELD_INT = 2,    /* one int64_t */
  VIVACE_FIELD_STRING = 3, /* one vivace_plugin_text */
  VIVACE_FIELD_TENSOR = 4, /* one vivace_plugin_tensor */
  VIVACE_FIELD_FLOATS = 6,
  VIVACE_FIELD_INTS = 7,
  VIVACE_FIELD_STRINGS = 8
} vivace_field_kind;
typedef struct vivace_plugin_field {
  const char* name;
  vivace_field_kind kind;
  size_t count;       /* of the values */
  const void* values; /* of the type that the kind says */
} vivace_plugin_field;

/** A node that an instance is made for. */
typedef struct vivace_plugin_node {
  size_t size;      /* of this struct */
  const char* name; /* for messages */
  const vivace_plugin_field* fields; /* in alphabetical order */
  size_t field_count;
  size_t input_count, output_count;
} vivace_plugin_node;

/** Type and shape of an output; at first undefined, of unknown rank. */
typedef struct vivace_plugin_type {
  vivace_dtype dtype;
  int32_t rank;                               /* -1: depends on the data, as do dimensions of -1 when all inputs have none */
  int64_t dims[VIVACE_PLUGIN_MAX_RANK];       /* -1: not known */
  const char* symbols[VIVACE_PLUGIN_MAX_RANK]; /* of dimensions of -1: the name of an input's that it equals, or NULL */
} vivace_plugin_type;

typedef VIVACE_ENUM(vivace_plugin_place) {
  VIVACE_ON_CPU = 0,
  VIVACE_ON_CUDA = 1
} vivace_plugin_place;

/** One run. */
typedef struct vivace_plugin_call {
  size_t size; /* of this struct */
  const vivace_plugin_tensor* inputs;
  vivace_plugin_tensor* outputs; /* data: NULL where the shape depends on the data; allocate() makes them */
  size_t input_count, output_count;
  void* workspace;   /* as many bytes as workspace() said, aligned to 64 (a GPU's to 256), not initialised */
  void* stream;      /* enqueue(): a CUstream or cudaStream_t, whose context is current */
  int32_t device;    /* enqueue(): the GPU's number */
  int32_t threads;   /* run(): how many parallel() uses */
  /** run(): calls body(user, begin, end) for parts of [0, count), of `grain` at least, from several threads; returns when
   * all are done. */
  void (*parallel)(const struct vivace_plugin_call* call, int64_t count, int64_t grain,
                   void (*body)(void* user, int64_t begin, int64_t end), void* user);
  /** run(): makes outputs[output], of the type that infer() said, where its shape was not known. */
  vivace_status (*allocate)(const struct vivace_plugin_call* call, size_t output, int32_t rank, const int64_t* dims);
  /** run(): sets an element of an output of strings. */
  vivace_status (*set_string)(const struct vivace_plugin_call* call, size_t output, int64_t index, const char* data,
                              size_t length);
  void* host; /* Vivace's own */
} vivace_plugin_call;

typedef VIVACE_ENUM(vivace_plugin_flags) {
  /** Equal inputs may give other outputs: never computed while building, nor merged with equal nodes. */
  VIVACE_PLUGIN_VARIES = 1
} vivace_plugin_flags;

typedef struct vivace_plugin {
  size_t size;        /* sizeof(vivace_plugin) */
  int32_t abi;        /* VIVACE_PLUGIN_ABI */
  int32_t version;    /* from 1 on; raise it when fields or results change. A node without the attribute plugin_version takes
                         the newest that is registered; a plan the one that it was built with */
  const char* domain; /* "com.acme"; "" for ONNX's own, whose operators cannot be replaced */
  const char* name;   /* "Swish" */
  uint32_t flags;     /* vivace_plugin_flags */
  void* user;         /* given to create() and release() */
  /** Makes an instance for a node, or says what is wrong with its fields. Called often while building, so do what takes
   * long in the first run. Nodes of one name and equal fields may share an instance. */
  vivace_status (*create)(void* user, const vivace_plugin_node* node, void** instance, vivace_plugin_error* error);
  void (*destroy)(void* instance);
  /** Types and shapes of the outputs. Runs while building, when dimensions and even ranks may be unknown, and again with
   * those of a run. */
  vivace_status (*infer)(void* instance, const vivace_plugin_tensor* inputs, size_t input_count,
                         vivace_plugin_type* outputs, size_t output_count, vivace_plugin_error* error);
  /** Not 0: run() or enqueue() takes tensors of these types and layouts, all of them together; dimensions may be unknown.
   * May be NULL: row-major tensors of all types that infer() takes. On a GPU it is asked too whether f16 or bf16 may stand
   * in place of the model's f32, which NULL denies. */
  int (*supports)(void* instance, vivace_plugin_place place, const vivace_plugin_tensor* inputs, size_t input_count,
                  const vivace_plugin_tensor* outputs, size_t output_count);
  /** Bytes that a run needs beside its tensors; (size_t)-1: they cannot be told. May be NULL: none. */
  size_t (*workspace)(void* instance, vivace_plugin_place place, const vivace_plugin_tensor* inputs, size_t input_count,
                      const vivace_plugin_tensor* outputs, size_t output_count);
  /** Runs on the CPU. NULL: it runs on GPUs only. */
  vivace_status (*run)(void* instance, const vivace_plugin_call* call, vivace_plugin_error* error);
  /** Puts the work into a stream and returns. The stream may be one that is being captured into a graph, which then
   * runs again and again with the same addresses: wait for nothing, and allocate nothing. NULL: run() does the work
   * inside a GPU's engine too, with copies. */
  vivace_status (*enqueue)(void* instance, const vivace_plugin_call* call, vivace_plugin_error* error);
  /** May be NULL. Called when neither the registry nor an instance needs the plugin any more. */
  void (*release)(void* user);
} vivace_plugin;

typedef struct vivace_plugin_registry {
  size_t size;                /* of this struct */
  int32_t abi;                /* VIVACE_PLUGIN_ABI of the Vivace in use */
  const char* library_version; /* its version */
  /** Copies the struct and its texts. VIVACE_VERSION_MISMATCH where it is of another ABI; VIVACE_INVALID_ARGUMENT where it
   * lacks something, is there already, or has the name of an operator of Vivace's. The message reaches whoever loads. */
  vivace_status (*add)(struct vivace_plugin_registry* registry, const vivace_plugin* plugin);
  void* host; /* Vivace's own */
} vivace_plugin_registry;

/** What a library exports: adds its plugins to the registry; what it returns other than VIVACE_OK fails the loading, and
 * nothing of it stays registered. */
typedef vivace_status (*vivace_plugins_function)(vivace_plugin_registry* registry);
#define VIVACE_PLUGINS_SYMBOL "vivace_plugins"

/* ---- For programs, of libvivace ------------------------------------------------------------------------------- */

/** Registers a plugin of the program's own, as vivace_plugin_registry::add does. */
VIVACE_API vivace_status vivace_add_plugin(const vivace_plugin* plugin);
/** Takes a plugin from the registry. Engines that have it keep it. */
VIVACE_API vivace_status vivace_remove_plugin(const char* domain, const char* name, int32_t version);

#ifdef __cplusplus
}
#endif

#endif /* VIVACE_PLUGIN_H_ */
