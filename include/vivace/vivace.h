/* Vivace's C interface: build plans from models, run them.
 *
 * Objects are opaque handles; whoever creates one destroys it (destroying NULL does nothing). A handle may be used by
 * one thread at a time, except engines, which any number of threads may share. What a handle was made from may be
 * destroyed before it.
 *
 * Functions that can fail return a vivace_status; vivace_last_error() has the sentence for people. Outputs are written
 * only on success. Text comes as memory that the caller frees with vivace_free(). Nothing throws, prints or aborts.
 *
 * Environment: VIVACE_NUM_THREADS sets the number of threads where 0 is given; VIVACE_CACHE_DIR holds the timing cache
 * where none is named; VIVACE_LOG=error|warning|info|verbose sends messages to the standard error stream until
 * vivace_set_logger() is called. VIVACE_NVRTC names NVIDIA's run-time compiler where it is not found by itself;
 * VIVACE_CUDA=off leaves GPUs alone, VIVACE_CUDA=null gives one of host memory that runs no kernel, for tests.
 */
#ifndef VIVACE_VIVACE_H_
#define VIVACE_VIVACE_H_

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define VIVACE_API __attribute__((visibility("default")))
#else
#define VIVACE_API
#endif

/* Whatever integer a program passes is a value of the type, and is checked. */
#ifdef __cplusplus
#define VIVACE_ENUM(name) enum name : int
#else
#define VIVACE_ENUM(name) enum name
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Errors, version, log ------------------------------------------------------------------------------------- */

typedef VIVACE_ENUM(vivace_status) {
  VIVACE_OK = 0,
  VIVACE_INVALID_ARGUMENT = 1,   /* the caller asked for something that makes no sense */
  VIVACE_INVALID_MODEL = 2,      /* the model contradicts itself or the standard */
  VIVACE_UNSUPPORTED = 3,        /* valid, but not something Vivace can do */
  VIVACE_SHAPE_MISMATCH = 4,     /* a tensor does not fit what the engine was built for */
  VIVACE_OUT_OF_MEMORY = 5,      /* more than the limit, or more than the machine has */
  VIVACE_IO_ERROR = 6,           /* a file cannot be read or written */
  VIVACE_CORRUPT_FILE = 7,       /* a file is cut off or damaged */
  VIVACE_VERSION_MISMATCH = 8,   /* a plan from another version or machine */
  VIVACE_DEVICE_UNAVAILABLE = 9, /* no such device, or its driver is missing */
  VIVACE_CANCELLED = 10,         /* the progress callback said stop */
  VIVACE_INTERNAL = 11           /* a defect in Vivace */
} vivace_status;

/** "0.1.0", the version of the library in use. */
VIVACE_API const char* vivace_version(void);
/** "shape_mismatch". */
VIVACE_API const char* vivace_status_name(vivace_status status);
/** What went wrong in this thread's last failed call; valid until its next failing call. */
VIVACE_API const char* vivace_last_error(void);
/** Frees text and bytes that a function handed out. */
VIVACE_API void vivace_free(void* memory);

typedef VIVACE_ENUM(vivace_severity) {
  VIVACE_LOG_ERROR = 0,
  VIVACE_LOG_WARNING = 1,
  VIVACE_LOG_INFO = 2,
  VIVACE_LOG_VERBOSE = 3
} vivace_severity;
typedef void (*vivace_logger)(vivace_severity severity, const char* message, void* user);
/** Messages up to `most_verbose` go to `logger`, from any thread, one at a time; NULL drops them all. */
VIVACE_API void vivace_set_logger(vivace_logger logger, void* user, vivace_severity most_verbose);

/* ---- Tensors -------------------------------------------------------------------------------------------------- */

/** Element types, numbered as in ONNX's TensorProto.DataType. */
typedef VIVACE_ENUM(vivace_dtype) {
  VIVACE_UNDEFINED = 0, VIVACE_F32 = 1, VIVACE_U8 = 2, VIVACE_I8 = 3, VIVACE_U16 = 4, VIVACE_I16 = 5, VIVACE_I32 = 6,
  VIVACE_I64 = 7, VIVACE_STRING = 8, VIVACE_BOOL = 9, VIVACE_F16 = 10, VIVACE_F64 = 11, VIVACE_U32 = 12,
  VIVACE_U64 = 13, VIVACE_C64 = 14, VIVACE_C128 = 15, VIVACE_BF16 = 16, VIVACE_F8E4M3FN = 17, VIVACE_F8E4M3FNUZ = 18,
  VIVACE_F8E5M2 = 19, VIVACE_F8E5M2FNUZ = 20, VIVACE_U4 = 21, VIVACE_I4 = 22, VIVACE_F4E2M1 = 23, VIVACE_F8E8M0 = 24,
  VIVACE_U2 = 25, VIVACE_I2 = 26,
  VIVACE_LIST = 64 /* not of the standard: the elements are tensors, see vivace_list_create() */
} vivace_dtype;

/** "f32"; "unknown" for a number that is no type. */
VIVACE_API const char* vivace_dtype_name(vivace_dtype dtype);
/** VIVACE_UNDEFINED where the name is unknown. */
VIVACE_API vivace_dtype vivace_dtype_from_name(const char* name);
/** Bits of one element; elements of fewer than 8 are packed, low bits first. 0 for strings. */
VIVACE_API int vivace_dtype_bits(vivace_dtype dtype);

/** A dense row-major tensor in host memory; for vivace_context_enqueue() in memory of a GPU. */
typedef struct vivace_tensor vivace_tensor;

/** A tensor of zeros (of empty strings) that owns its memory, aligned to 64 bytes. */
VIVACE_API vivace_status vivace_tensor_create(vivace_dtype dtype, int32_t rank, const int64_t* shape,
                                              vivace_tensor** tensor);
/** A tensor on memory of the caller's, which must outlive it. `bytes` must be what the shape takes. Not for strings. */
VIVACE_API vivace_status vivace_tensor_wrap(vivace_dtype dtype, int32_t rank, const int64_t* shape, void* data,
                                            size_t bytes, vivace_tensor** tensor);
VIVACE_API void vivace_tensor_destroy(vivace_tensor* tensor);
VIVACE_API vivace_dtype vivace_tensor_dtype(const vivace_tensor* tensor);
VIVACE_API int32_t vivace_tensor_rank(const vivace_tensor* tensor);
VIVACE_API const int64_t* vivace_tensor_shape(const vivace_tensor* tensor);
/** Number of elements. */
VIVACE_API int64_t vivace_tensor_count(const vivace_tensor* tensor);
/** NULL for strings and lists. */
VIVACE_API void* vivace_tensor_data(const vivace_tensor* tensor);
/** Bytes of the data; 0 for strings and lists. */
VIVACE_API size_t vivace_tensor_bytes(const vivace_tensor* tensor);
VIVACE_API vivace_status vivace_tensor_set_string(vivace_tensor* tensor, int64_t index, const char* text, size_t length);
/** Not terminated by zero; valid until the element is set or the tensor destroyed. */
VIVACE_API vivace_status vivace_tensor_get_string(const vivace_tensor* tensor, int64_t index, const char** text,
                                                  size_t* length);

/** A value other than a tensor, as a tensor of VIVACE_LIST and rank 1: the elements of a sequence; of an optional, one or
 * none; the keys and the values of a map. The list shares what its elements own, and copies what was wrapped. */
VIVACE_API vivace_status vivace_list_create(const vivace_tensor* const* elements, size_t count, vivace_tensor** list);
/** A new tensor that shares the element's memory, to be read only. */
VIVACE_API vivace_status vivace_list_element(const vivace_tensor* list, int64_t index, vivace_tensor** element);

typedef VIVACE_ENUM(vivace_kind) {
  VIVACE_TENSOR = 0, VIVACE_SEQUENCE = 1, VIVACE_OPTIONAL = 2, VIVACE_MAP = 3
} vivace_kind;

/** What is known of an input or output. All pointers live as long as the engine or network they come from. */
typedef struct vivace_tensor_info {
  const char* name;
  vivace_dtype dtype;
  int32_t rank;                /* -1: unknown */
  const int64_t* dims;         /* -1: not fixed */
  const char* const* symbols;  /* of each dimension: its name where it has one, else NULL */
  /* Inputs of engines: shapes within [min, max] run, opt runs fastest; -1 in max: no limit. NULL otherwise. */
  const int64_t* min;
  const int64_t* opt;
  const int64_t* max;
  vivace_kind kind;            /* all but tensors have dtype VIVACE_LIST and rank -1 */
  vivace_dtype key;            /* of a map */
  const struct vivace_tensor_info* element; /* of a sequence, optional or map; NULL: unknown */
  const char* type;            /* "f32[batch,3]", "seq(f32[*])" */
} vivace_tensor_info;

typedef VIVACE_ENUM(vivace_format) {
  VIVACE_TEXT = 0,   /* for people */
  VIVACE_JSON = 1,   /* for programs */
  VIVACE_HTML = 2,   /* one self-contained page; reports only */
  VIVACE_GRAPH = 3,  /* the graph as text; networks and engines */
  VIVACE_DOT = 4,    /* the graph for Graphviz; networks and engines */
  VIVACE_SUMMARY = 5, /* text without what each layer could have run instead; reports only */
  VIVACE_SVG = 6      /* a picture of the graph; networks and engines */
} vivace_format;

/* ---- Networks: models before they are built ------------------------------------------------------------------- */

typedef struct vivace_network vivace_network;
/** A value of a network, which owns it. */
typedef struct vivace_value vivace_value;
typedef struct vivace_attributes vivace_attributes;

/** Reads an ONNX file with its external data. */
VIVACE_API vivace_status vivace_network_from_onnx_file(const char* path, vivace_network** network);
/** Reads an ONNX model from memory; `folder` (may be NULL) is where external data lie. */
VIVACE_API vivace_status vivace_network_from_onnx(const void* data, size_t bytes, const char* folder,
                                                  vivace_network** network);
/** Reads the text form that VIVACE_GRAPH writes. */
VIVACE_API vivace_status vivace_network_from_text(const char* text, vivace_network** network);
VIVACE_API vivace_status vivace_network_create(const char* name, vivace_network** network);
VIVACE_API void vivace_network_destroy(vivace_network* network);

/** `dims`: -1 for a dimension that is not fixed; `symbols` (may be NULL) names such dimensions: equal names are equal
 * sizes. */
VIVACE_API vivace_status vivace_network_add_input(vivace_network* network, const char* name, vivace_dtype dtype,
                                                  int32_t rank, const int64_t* dims, const char* const* symbols,
                                                  vivace_value** value);
/** A weight; its elements are copied. */
VIVACE_API vivace_status vivace_network_add_constant(vivace_network* network, const char* name,
                                                     const vivace_tensor* tensor, vivace_value** value);
/** Adds a layer: an operator of the newest ONNX opset ("Conv"), or of another domain with that before it
 * ("com.microsoft.Gelu"). A NULL input is left out. Types and shapes of the outputs follow at once, and what does not
 * fit is an error. A subgraph in an attribute sees nothing outside: values it needs from there are inputs of its own,
 * after the operator's, and of this layer, counted by the integer attribute "captures".
 * @param name        for messages and reports; may be NULL
 * @param attributes  may be NULL
 * @param outputs     receives `output_count` values */
VIVACE_API vivace_status vivace_network_add_node(vivace_network* network, const char* op, const char* name,
                                                 vivace_value* const* inputs, size_t input_count,
                                                 const vivace_attributes* attributes, size_t output_count,
                                                 vivace_value** outputs);
/** `name` may be NULL: the value's own. */
VIVACE_API vivace_status vivace_network_mark_output(vivace_network* network, vivace_value* value, const char* name);

/** The value called so; NULL where there is none. */
VIVACE_API vivace_value* vivace_network_find_value(const vivace_network* network, const char* name);
VIVACE_API size_t vivace_network_input_count(const vivace_network* network);
VIVACE_API size_t vivace_network_output_count(const vivace_network* network);
/** NULL where the index is out of range; valid until the network changes. */
VIVACE_API const vivace_tensor_info* vivace_network_input(const vivace_network* network, size_t index);
VIVACE_API const vivace_tensor_info* vivace_network_output(const vivace_network* network, size_t index);
VIVACE_API const char* vivace_value_name(const vivace_value* value);
VIVACE_API vivace_status vivace_value_set_name(vivace_value* value, const char* name);
/** The network for people or programs: VIVACE_TEXT, VIVACE_JSON, VIVACE_GRAPH, VIVACE_DOT or
 * VIVACE_SVG. */
VIVACE_API vivace_status vivace_network_describe(const vivace_network* network, vivace_format format, char** text);
/** Runs the network with the plain reference kernels: slow, and what everything else is compared with. `outputs`
 * receives one new tensor per output of the network. */
VIVACE_API vivace_status vivace_network_run_reference(const vivace_network* network, const vivace_tensor* const* inputs,
                                                      size_t input_count, vivace_tensor** outputs, size_t output_count);

VIVACE_API vivace_status vivace_attributes_create(vivace_attributes** attributes);
VIVACE_API void vivace_attributes_destroy(vivace_attributes* attributes);
VIVACE_API vivace_status vivace_attributes_set_int(vivace_attributes* attributes, const char* name, int64_t value);
VIVACE_API vivace_status vivace_attributes_set_float(vivace_attributes* attributes, const char* name, float value);
VIVACE_API vivace_status vivace_attributes_set_string(vivace_attributes* attributes, const char* name, const char* text,
                                                      size_t length);
VIVACE_API vivace_status vivace_attributes_set_ints(vivace_attributes* attributes, const char* name,
                                                    const int64_t* values, size_t count);
VIVACE_API vivace_status vivace_attributes_set_floats(vivace_attributes* attributes, const char* name,
                                                      const float* values, size_t count);
/** Strings end with zero. */
VIVACE_API vivace_status vivace_attributes_set_strings(vivace_attributes* attributes, const char* name,
                                                       const char* const* values, size_t count);
/** The tensor's elements are copied. */
VIVACE_API vivace_status vivace_attributes_set_tensor(vivace_attributes* attributes, const char* name,
                                                      const vivace_tensor* value);
/** The body of If, Loop or Scan; the network is copied. */
VIVACE_API vivace_status vivace_attributes_set_graph(vivace_attributes* attributes, const char* name,
                                                     const vivace_network* value);

/* ---- Building ------------------------------------------------------------------------------------------------- */

typedef struct vivace_config vivace_config;
typedef struct vivace_plan vivace_plan;

/** What a plan may compute in beside the model's own types. */
typedef VIVACE_ENUM(vivace_precision) {
  VIVACE_PRECISION_FP32 = 0, /* the model's own types */
  VIVACE_PRECISION_FP16 = 1,
  VIVACE_PRECISION_BF16 = 2,
  VIVACE_PRECISION_INT8 = 4,
  VIVACE_PRECISION_TF32 = 8 /* stored as f32; what is multiplied is rounded to 11 bits, sums are f32 */
} vivace_precision;

/** Return 0 to cancel the build. `fraction` goes from 0 to 1 over the whole build. */
typedef int (*vivace_progress)(const char* phase, double fraction, void* user);
/** Receives the graph as text after each pass that changed it. */
typedef void (*vivace_dump)(const char* pass, const char* graph, void* user);

VIVACE_API vivace_status vivace_config_create(vivace_config** config);
VIVACE_API void vivace_config_destroy(vivace_config* config);
/** What to build for: "cpu" (the default); "cuda" or "cuda:1", a GPU of this machine; "sm_80", "sm_86", "sm_89", "sm_90",
 * "sm_100" or "sm_120", a GPU that need not be here. */
VIVACE_API vivace_status vivace_config_set_device(vivace_config* config, const char* device);
/** Threads that one run will use; 0: all processors. */
VIVACE_API vivace_status vivace_config_set_threads(vivace_config* config, int32_t threads);
/** Shapes an input may have; for inputs that are not fixed. A dimension of max may be -1: no limit. */
VIVACE_API vivace_status vivace_config_set_shape(vivace_config* config, const char* input, int32_t rank,
                                                 const int64_t* min, const int64_t* opt, const int64_t* max);
/** 0: estimates only, nothing timed; 3: the default; 5: every candidate timed. */
VIVACE_API vivace_status vivace_config_set_effort(vivace_config* config, int32_t effort);
/** Seconds of tuning; what is left then is chosen by estimate. 0: no limit. */
VIVACE_API vivace_status vivace_config_set_time_budget(vivace_config* config, double seconds);
/** Bytes one layer may use beside its tensors; 0: no limit. */
VIVACE_API vivace_status vivace_config_set_workspace_limit(vivace_config* config, uint64_t bytes);
/** Bytes of weights and activations; 0: no limit. A limit that is too small is an error which says what is needed. */
VIVACE_API vivace_status vivace_config_set_memory_limit(vivace_config* config, uint64_t bytes);
/** A file of measured times, read before the build and added to after it; "" for none at all. */
VIVACE_API vivace_status vivace_config_set_timing_cache(vivace_config* config, const char* path);
/** A union of vivace_precision flags. FP16 goes before BF16, and that before TF32. The first two are for GPUs: a build for
 *  the CPU is VIVACE_UNSUPPORTED with them, and as without it with TF32. INT8 is VIVACE_UNSUPPORTED so far. */
VIVACE_API vivace_status vivace_config_set_precision(vivace_config* config, uint32_t flags);
/** "NAME=TACTIC", NAME being a layer's name, an operator or "*": that tactic or an error that says why not. */
VIVACE_API vivace_status vivace_config_force_tactic(vivace_config* config, const char* rule);
VIVACE_API vivace_status vivace_config_disable_tactic(vivace_config* config, const char* tactic);
/** Libraries of the GPU's vendor that layers may run on where they are fastest: "cudnn", "cublaslt", both with a comma
 * between, or "" (the default) for none. A plan that uses one needs it to run. */
VIVACE_API vivace_status vivace_config_set_tactic_sources(vivace_config* config, const char* sources);
/** Not 0: the build's report says for each layer how long the vendor's libraries that are here take, and who is faster. */
VIVACE_API vivace_status vivace_config_set_compare_vendors(vivace_config* config, int compare);
/** Loads a library of plugins, as vivace_load_plugins() does. */
VIVACE_API vivace_status vivace_config_load_plugins(vivace_config* config, const char* path);
/** A pass of the optimizer to leave out, by its name in the report; "all": the graph is run as the model says it. */
VIVACE_API vivace_status vivace_config_disable_pass(vivace_config* config, const char* pass);
/** Whether the plan holds what another machine needs to run it (default: 1); 0 makes it smaller. */
VIVACE_API vivace_status vivace_config_set_portable(vivace_config* config, int portable);
VIVACE_API vivace_status vivace_config_set_progress(vivace_config* config, vivace_progress progress, void* user);
VIVACE_API vivace_status vivace_config_set_dump(vivace_config* config, vivace_dump dump, void* user);

/** Builds a plan for this machine; `config` may be NULL. The network stays as it is. */
VIVACE_API vivace_status vivace_build(const vivace_network* network, const vivace_config* config, vivace_plan** plan);
/** What would fall back to slow kernels, or from a GPU to the CPU, and why, without a build: VIVACE_TEXT or VIVACE_JSON.
 * Errors are those of a build. */
VIVACE_API vivace_status vivace_check(const vivace_network* network, const vivace_config* config, vivace_format format,
                                      char** text);

/* ---- Plans ---------------------------------------------------------------------------------------------------- */

/** Maps the file. */
VIVACE_API vivace_status vivace_plan_load(const char* path, vivace_plan** plan);
/** Copies the bytes. */
VIVACE_API vivace_status vivace_plan_from_memory(const void* data, size_t bytes, vivace_plan** plan);
/** Whether a file begins like a plan (1) or not (0, also where it cannot be read). */
VIVACE_API int vivace_plan_is_plan_file(const char* path);
VIVACE_API vivace_status vivace_plan_save(const vivace_plan* plan, const char* path);
/** The bytes that vivace_plan_save() writes; free them with vivace_free(). */
VIVACE_API vivace_status vivace_plan_to_memory(const vivace_plan* plan, void** data, size_t* bytes);
/** How the plan was built: VIVACE_TEXT, VIVACE_SUMMARY, VIVACE_JSON or VIVACE_HTML; of a plan from a file only JSON. */
VIVACE_API vivace_status vivace_plan_report(const vivace_plan* plan, vivace_format format, char** text);
VIVACE_API void vivace_plan_destroy(vivace_plan* plan);

/* ---- Engines -------------------------------------------------------------------------------------------------- */

typedef struct vivace_engine vivace_engine;
typedef struct vivace_context vivace_context;

typedef struct vivace_engine_options {
  size_t size;           /* of this struct, as the caller knows it */
  int32_t threads;       /* of one run; 0: what the plan was built for */
  int32_t strict;        /* not 0: refuse a plan of another version or machine instead of adapting it */
  uint64_t memory_limit; /* bytes of weights and of activations of all concurrent runs; 0: what the plan says */
  const char* device;    /* "cpu", "cuda", "cuda:1"; NULL: what the plan was made for, or the CPU where that is not here */
  const char* const* plugins; /* paths of libraries to load first, as by vivace_load_plugins() */
  size_t plugin_count;
} vivace_engine_options;
#define VIVACE_ENGINE_OPTIONS_INIT {sizeof(vivace_engine_options), 0, 0, 0, 0, 0, 0}

typedef struct vivace_memory {
  size_t weight_bytes;       /* shared by all runs */
  size_t activation_bytes;   /* of each concurrent run */
  size_t largest_live_bytes; /* the most that values need at any one time: activation_bytes cannot be less */
} vivace_memory;

/** Makes a plan ready to run; `options` may be NULL. */
VIVACE_API vivace_status vivace_engine_create(const vivace_plan* plan, const vivace_engine_options* options,
                                              vivace_engine** engine);
VIVACE_API void vivace_engine_destroy(vivace_engine* engine);
/** An engine of the same layers, tactics and weights that gives, after its own outputs, each value between its layers
 * under the name the value has: to find where results go wrong. */
VIVACE_API vivace_status vivace_engine_with_layer_outputs(const vivace_engine* engine, vivace_engine** shown);
VIVACE_API size_t vivace_engine_input_count(const vivace_engine* engine);
VIVACE_API size_t vivace_engine_output_count(const vivace_engine* engine);
/** NULL where the index is out of range. */
VIVACE_API const vivace_tensor_info* vivace_engine_input(const vivace_engine* engine, size_t index);
VIVACE_API const vivace_tensor_info* vivace_engine_output(const vivace_engine* engine, size_t index);
/** Where it runs: "cpu", "cuda:0". */
VIVACE_API const char* vivace_engine_device(const vivace_engine* engine);
/** Threads of one run. */
VIVACE_API int32_t vivace_engine_threads(const vivace_engine* engine);
/** Why the plan was adapted to this machine or version; "" where it was not. */
VIVACE_API const char* vivace_engine_notice(const vivace_engine* engine);
/** Memory at these input shapes; at the optimum where `inputs` is NULL. Only dtypes and shapes are looked at. */
VIVACE_API vivace_status vivace_engine_memory(const vivace_engine* engine, const vivace_tensor* const* inputs,
                                              size_t input_count, vivace_memory* memory);
/** Rank and dimensions of an output for these inputs, without running; `dims` has room for `capacity` of them. The
 * rank is -1 where it depends on the data. */
VIVACE_API vivace_status vivace_engine_output_shape(const vivace_engine* engine, const vivace_tensor* const* inputs,
                                                    size_t input_count, size_t output, int32_t* rank, int64_t* dims,
                                                    size_t capacity);
/** What the engine runs (layers with their tactics, times, memory), in the formats of a network. */
VIVACE_API vivace_status vivace_engine_inspect(const vivace_engine* engine, vivace_format format, char** text);

/** Runs one inference and waits for it. Thread-safe.
 * @param inputs   one per input, in the engine's order, of its type, with a shape within its range
 * @param outputs  one per output: a tensor of the right type and shape is written to; NULL receives a new one
 * @return VIVACE_INVALID_ARGUMENT (a count, a type), VIVACE_SHAPE_MISMATCH, VIVACE_OUT_OF_MEMORY */
VIVACE_API vivace_status vivace_engine_run(vivace_engine* engine, const vivace_tensor* const* inputs,
                                           size_t input_count, vivace_tensor** outputs, size_t output_count);

/** Memory and threads of its own (0: as many as the engine's), for one stream of runs among several. */
VIVACE_API vivace_status vivace_context_create(vivace_engine* engine, int32_t threads, vivace_context** context);
VIVACE_API void vivace_context_destroy(vivace_context* context);
/** As vivace_engine_run(), but one run at a time. */
VIVACE_API vivace_status vivace_context_run(vivace_context* context, const vivace_tensor* const* inputs,
                                            size_t input_count, vivace_tensor** outputs, size_t output_count);

/** Queues one inference on a stream of the engine's GPU and returns before it is done. Tensors are made by
 * vivace_tensor_wrap() on addresses that the GPU can use (of its memory, or of pinned memory of the host), or by
 * vivace_engine_allocate(); kernels read and write them in place where they start at a multiple of 16 bytes. They, and the
 * context, stay until the stream is past the inference. Only tensors' shapes are looked at here; what is wrong with the data
 * is reported by the context's next call. Inferences of one context follow each other, on whatever streams.
 * @param outputs  one tensor per output, of its type and of the shape that vivace_engine_output_shape() tells
 * @param stream   a CUstream or cudaStream_t; NULL: the default stream. May be one that is being captured into a graph
 * @return as vivace_engine_run(); VIVACE_UNSUPPORTED for engines on the CPU, for outputs whose shapes depend on data, and
 *         for layers that run on the CPU where the stream is being captured */
VIVACE_API vivace_status vivace_context_enqueue(vivace_context* context, const vivace_tensor* const* inputs,
                                                size_t input_count, vivace_tensor* const* outputs, size_t output_count,
                                                void* stream);

typedef VIVACE_ENUM(vivace_place) {
  VIVACE_ON_DEVICE = 1, /* memory of the engine's GPU, which the host cannot read */
  VIVACE_PINNED = 2     /* memory of the host that its GPU can use as well */
} vivace_place;
/** A tensor for vivace_context_enqueue(), not initialised; it may outlive the engine. For engines on the CPU it is like any
 * other. Not for strings. */
VIVACE_API vivace_status vivace_engine_allocate(const vivace_engine* engine, vivace_place place, vivace_dtype dtype,
                                                int32_t rank, const int64_t* shape, vivace_tensor** tensor);

/** Waits until all that is queued on a stream of the engine's GPU is done. Nothing to do on the CPU. */
VIVACE_API vivace_status vivace_engine_wait(const vivace_engine* engine, void* stream);

/** Seconds of GPU time of one inference. */
typedef struct vivace_device_times {
  double minimum;
  double median;
  double mean;
} vivace_device_times;
/** Times `runs` inferences by events of the GPU, one after the other, inputs (random numbers) being there already; with
 * `flush` not 0 the GPU's caches are overwritten before each; otherwise a time is the mean of eight between two events,
 * for an event keeps the next run waiting. Of `inputs` only dtypes and shapes are looked at; NULL: the
 * optimum shapes. VIVACE_UNSUPPORTED where a layer runs on the CPU. */
VIVACE_API vivace_status vivace_context_time(vivace_context* context, const vivace_tensor* const* inputs,
                                             size_t input_count, int32_t runs, int flush, vivace_device_times* times);

typedef struct vivace_layer_time {
  const char* name;
  const char* op;
  const char* tactic;
  double seconds; /* of all runs together */
  int64_t runs;
} vivace_layer_time;
/** Not 0: times each layer from now on. */
VIVACE_API vivace_status vivace_context_set_profiling(vivace_context* context, int on);
/** Layers in the order they run; valid until the next call on the context. */
VIVACE_API vivace_status vivace_context_profile(vivace_context* context, const vivace_layer_time** layers,
                                                size_t* count);

/* ---- Plugins: operators from shared libraries (vivace/plugin.h) ------------------------------------------------- */

/** Loads a library of plugins into the process, for good; again does nothing. Models and plans find their plugins from then
 * on. VIVACE_IO_ERROR: there is no such library, or it cannot be opened; VIVACE_INVALID_ARGUMENT: it has no plugins;
 * VIVACE_VERSION_MISMATCH: they are for another Vivace. */
VIVACE_API vivace_status vivace_load_plugins(const char* path);
/** The plugins that are registered: VIVACE_TEXT or VIVACE_JSON. */
VIVACE_API vivace_status vivace_list_plugins(vivace_format format, char** text);

/* ---- Lists ---------------------------------------------------------------------------------------------------- */

/** VIVACE_TEXT (a table) or VIVACE_JSON. */
VIVACE_API vivace_status vivace_list_operators(vivace_format format, char** text);
VIVACE_API vivace_status vivace_list_tactics(vivace_format format, char** text);
VIVACE_API vivace_status vivace_list_devices(vivace_format format, char** text);

#ifdef __cplusplus
}
#endif

#endif /* VIVACE_VIVACE_H_ */
