#include "backends/cuda/vendor_cublaslt.h"

#include <dlfcn.h>

#include <array>

namespace vivace::cuda {

namespace {

// The part of cuBLASLt's interface that is called.
struct LtHandle;
struct LtDescription;
struct LtLayout;
struct LtPreference;
struct LtAlgorithm {  // cublasLtMatmulAlgo_t
  uint64_t data[8];
};
struct LtResult {  // cublasLtMatmulHeuristicResult_t
  LtAlgorithm algorithm;
  size_t workspace;
  Error state;
  float waves;
  int reserved[4];
};
static_assert(sizeof(LtResult) == 96);

#define VIVACE_CUBLASLT(F)                                                                                            \
  F(Error, cublasLtCreate, (LtHandle * *handle))                                                                      \
  F(Error, cublasLtDestroy, (LtHandle * handle))                                                                      \
  F(size_t, cublasLtGetVersion, ())                                                                                   \
  F(const char*, cublasLtGetStatusString, (Error error))                                                              \
  F(Error, cublasLtMatmulDescCreate, (LtDescription * *made, int compute, int scale))                                 \
  F(Error, cublasLtMatmulDescDestroy, (LtDescription * description))                                                  \
  F(Error, cublasLtMatmulDescSetAttribute, (LtDescription * of, int attribute, const void* value, size_t bytes))      \
  F(Error, cublasLtMatrixLayoutCreate, (LtLayout * *made, int type, uint64_t rows, uint64_t columns, int64_t pitch))  \
  F(Error, cublasLtMatrixLayoutDestroy, (LtLayout * layout))                                                          \
  F(Error, cublasLtMatrixLayoutSetAttribute, (LtLayout * of, int attribute, const void* value, size_t bytes))         \
  F(Error, cublasLtMatmulPreferenceCreate, (LtPreference * *made))                                                    \
  F(Error, cublasLtMatmulPreferenceDestroy, (LtPreference * preference))                                              \
  F(Error, cublasLtMatmulPreferenceSetAttribute, (LtPreference * of, int attribute, const void* value, size_t bytes)) \
  F(Error, cublasLtMatmulAlgoGetHeuristic,                                                                            \
    (LtHandle * handle, LtDescription * description, LtLayout * a, LtLayout * b, LtLayout * c, LtLayout * d,          \
     LtPreference * preference, int most, LtResult* results, int* count))                                             \
  F(Error, cublasLtMatmul,                                                                                            \
    (LtHandle * handle, LtDescription * description, const void* alpha, const void* a, LtLayout* a_layout,            \
     const void* b, LtLayout* b_layout, const void* beta, const void* c, LtLayout* c_layout, void* d,                 \
     LtLayout* d_layout, const LtAlgorithm* algorithm, void* workspace, size_t workspace_bytes, StreamHandle* stream))

// Values of its enumerations.
constexpr int kReal32 = 0, kReal16 = 2, kBFloat16 = 14;  // cudaDataType
constexpr int kComputeReal32 = 68;
constexpr int kTransposeA = 3, kTransposeB = 4, kEpilogue = 7, kBiasPointer = 8;  // of a description
constexpr int kBatchCount = 5, kBatchStep = 6;                                    // of a layout
constexpr int kMostWorkspace = 1, kFirstAlignment = 5, kAlignments = 4;           // of a preference: of A, B, C, D
constexpr int kEpilogueNone = 1, kEpilogueRelu = 2, kEpilogueBias = 4, kEpilogueGelu = 32;
constexpr int kTransposed = 1;

constexpr size_t kWorkspace = 32 << 20;
constexpr int kMostAlgorithms = 8;

struct Lt {
#define VIVACE_MEMBER(type, name, parameters) type(*name) parameters = nullptr;
  VIVACE_CUBLASLT(VIVACE_MEMBER)
#undef VIVACE_MEMBER
  bool load(void* file, std::string& missing) {
#define VIVACE_FIND(type, name, parameters)                        \
  name = reinterpret_cast<type(*) parameters>(dlsym(file, #name)); \
  if (!name) missing = #name;
    VIVACE_CUBLASLT(VIVACE_FIND)
#undef VIVACE_FIND
    return missing.empty();
  }
  Status status(Error error, const char* what) const {
    const char* text = cublasLtGetStatusString(error);
    constexpr Error kAllocationFailed = 3, kNotSupported = 15;
    const Code code = error == kAllocationFailed ? Code::out_of_memory
                      : error == kNotSupported   ? Code::unsupported
                                                 : Code::device_unavailable;
    return {code, std::string("cuBLASLt: ") + what + " failed: " + (text ? text : "error " + std::to_string(error))};
  }
};

Result<const Lt*> lt() {
  static const OpenedLibrary<Lt> opened({"NVIDIA's cuBLASLt",
                                         "VIVACE_CUBLASLT",
                                         {"libcublasLt.so.13", "libcublasLt.so.12", "libcublasLt.so"},
                                         {"nvidia/cu13/lib", "nvidia/cublas/lib"},
                                         "the CUDA toolkit and with the Python package nvidia-cublas"});
  return opened.get();
}

#define VIVACE_LT(library, call)                                                                           \
  do {                                                                                                     \
    if (const Error error_ = (library).call)                                                               \
      return (library).status(error_, std::string(#call).substr(0, std::string(#call).find('(')).c_str()); \
  } while (false)

int type_of(DType type) { return type == DType::f16 ? kReal16 : type == DType::bf16 ? kBFloat16 : kReal32; }

// The library's own workspace is in the handle.
struct Context {
  const Lt& lt;
  std::shared_ptr<Gpu> gpu;
  LtHandle* handle = nullptr;
  ~Context() {
    const Gpu::Scope scope(*gpu);
    if (handle) (void)lt.cublasLtDestroy(handle);
  }
};

Result<std::shared_ptr<Context>> context_of(const std::shared_ptr<Gpu>& gpu) {
  static auto& kept = *new PerContext<Context>();
  return kept.get(*gpu, "", [&]() -> Result<std::shared_ptr<Context>> {
    VIVACE_ASSIGN(const Lt* library, lt());
    const std::shared_ptr<Context> made(new Context{*library, gpu});
    const Gpu::Scope scope(*gpu);
    VIVACE_LT(*library, cublasLtCreate(&made->handle));
    return made;
  });
}

}  // namespace

std::string LtProduct::key() const {
  std::string text = to_string(type);
  for (const int64_t n :
       {rows, columns, sum, batch, int64_t{a.transposed}, a.pitch, a.step, int64_t{b.transposed}, b.pitch, b.step,
        d.pitch, d.step, int64_t{bias}, int64_t{added}, static_cast<int64_t>(activation)})
    text += " " + std::to_string(n);
  return text + " " + std::to_string(alpha);
}

class LtPlan {
 public:
  explicit LtPlan(std::shared_ptr<Context> context) : context_(std::move(context)) {}
  LtPlan(const LtPlan&) = delete;
  LtPlan& operator=(const LtPlan&) = delete;
  ~LtPlan() {
    const Lt& lt = context_->lt;
    if (description_) (void)lt.cublasLtMatmulDescDestroy(description_);
    for (LtLayout* layout : layouts_)
      if (layout) (void)lt.cublasLtMatrixLayoutDestroy(layout);
  }

  Status open(const LtProduct& p) {
    const Lt& lt = context_->lt;
    const Gpu::Scope scope(*context_->gpu);
    product_ = p;
    VIVACE_LT(lt, cublasLtMatmulDescCreate(&description_, kComputeReal32, kReal32));
    const int epilogue = (p.activation == LtProduct::Activation::relu   ? kEpilogueRelu
                          : p.activation == LtProduct::Activation::gelu ? kEpilogueGelu
                                                                        : 0) |
                         (p.bias ? kEpilogueBias : 0);
    VIVACE_TRY(describe(kTransposeA, p.a.transposed ? kTransposed : 0));
    VIVACE_TRY(describe(kTransposeB, p.b.transposed ? kTransposed : 0));
    VIVACE_TRY(describe(kEpilogue, epilogue ? epilogue : kEpilogueNone));
    // Algorithms are looked for by how well the bias is aligned.
    if (p.bias) VIVACE_TRY(set_bias(kAlignment));
    VIVACE_TRY(lay_out(0, p.a.transposed ? p.sum : p.rows, p.a.transposed ? p.rows : p.sum, p.a));
    VIVACE_TRY(lay_out(1, p.b.transposed ? p.columns : p.sum, p.b.transposed ? p.sum : p.columns, p.b));
    VIVACE_TRY(lay_out(2, p.rows, p.columns, p.d));
    LtPreference* preference = nullptr;
    VIVACE_LT(lt, cublasLtMatmulPreferenceCreate(&preference));
    const Status found = find(preference);
    (void)lt.cublasLtMatmulPreferenceDestroy(preference);
    return found;
  }

  const std::vector<LtResult>& results() const { return results_; }

  Status put(size_t algorithm, StreamHandle* stream, const std::vector<DevicePointer>& at) const {
    const Lt& lt = context_->lt;
    const auto pointer = [](DevicePointer address) { return reinterpret_cast<void*>(address); };
    const LtResult& chosen = results_[algorithm];
    const float beta = product_.added ? 1.0f : 0.0f;
    void* const d = pointer(at[2]);
    size_t next = 4;
    const std::lock_guard lock(mutex_);  // the bias is a part of the description
    if (product_.bias) VIVACE_TRY(set_bias(at[next++]));
    const void* const c = product_.added ? pointer(at[next]) : d;
    VIVACE_LT(lt, cublasLtMatmul(context_->handle, description_, &product_.alpha, pointer(at[0]), layouts_[0],
                                 pointer(at[1]), layouts_[1], &beta, c, layouts_[2], d, layouts_[2], &chosen.algorithm,
                                 pointer(library_aligned(at[3])), chosen.workspace, stream));
    return {};
  }

 private:
  static constexpr uint32_t kAlignment = 16;  // of every tensor

  Status describe(int attribute, int32_t value) {
    VIVACE_LT(context_->lt, cublasLtMatmulDescSetAttribute(description_, attribute, &value, sizeof(value)));
    return {};
  }
  Status set_bias(DevicePointer address) const {
    VIVACE_LT(context_->lt, cublasLtMatmulDescSetAttribute(description_, kBiasPointer, &address, sizeof(address)));
    return {};
  }
  Status lay_out(size_t i, int64_t rows, int64_t columns, const LtProduct::Operand& operand) {
    const Lt& lt = context_->lt;
    VIVACE_LT(lt, cublasLtMatrixLayoutCreate(&layouts_[i], type_of(product_.type), static_cast<uint64_t>(rows),
                                             static_cast<uint64_t>(columns), operand.pitch));
    if (product_.batch == 1) return {};
    const auto count = static_cast<int32_t>(product_.batch);
    VIVACE_LT(lt, cublasLtMatrixLayoutSetAttribute(layouts_[i], kBatchCount, &count, sizeof(count)));
    VIVACE_LT(lt, cublasLtMatrixLayoutSetAttribute(layouts_[i], kBatchStep, &operand.step, sizeof(operand.step)));
    return {};
  }
  Status find(LtPreference* preference) {
    const Lt& lt = context_->lt;
    const uint64_t most = kWorkspace;
    VIVACE_LT(lt, cublasLtMatmulPreferenceSetAttribute(preference, kMostWorkspace, &most, sizeof(most)));
    for (int i = 0; i < kAlignments; ++i)
      VIVACE_LT(lt,
                cublasLtMatmulPreferenceSetAttribute(preference, kFirstAlignment + i, &kAlignment, sizeof(kAlignment)));
    std::array<LtResult, kMostAlgorithms> found{};
    int count = 0;
    VIVACE_LT(lt, cublasLtMatmulAlgoGetHeuristic(context_->handle, description_, layouts_[0], layouts_[1], layouts_[2],
                                                 layouts_[2], preference, kMostAlgorithms, found.data(), &count));
    for (int i = 0; i < count; ++i)
      if (!found[static_cast<size_t>(i)].state) results_.push_back(found[static_cast<size_t>(i)]);
    if (results_.empty()) return {Code::unsupported, "cuBLASLt has no algorithm for it"};
    return {};
  }

  std::shared_ptr<Context> context_;
  LtProduct product_;
  LtDescription* description_ = nullptr;
  std::array<LtLayout*, 3> layouts_{};  // of A, B and D
  std::vector<LtResult> results_;
  mutable std::mutex mutex_;
};

Result<std::string> cublaslt_version() {
  VIVACE_ASSIGN(const Lt* library, lt());
  return version_text(library->cublasLtGetVersion());
}

Result<std::shared_ptr<LtPlan>> lt_plan(const LtProduct& product, int ordinal) {
  static auto& kept = *new PerContext<LtPlan>();
  VIVACE_ASSIGN(const std::shared_ptr<Gpu> gpu, Gpu::open(ordinal));
  return kept.get(*gpu, product.key(), [&]() -> Result<std::shared_ptr<LtPlan>> {
    VIVACE_ASSIGN(std::shared_ptr<Context> context, context_of(gpu));
    auto made = std::make_shared<LtPlan>(std::move(context));
    VIVACE_TRY(made->open(product));
    return made;
  });
}

size_t algorithms(const LtPlan& plan) { return plan.results().size(); }
size_t workspace(const LtPlan& plan, size_t algorithm) { return plan.results()[algorithm].workspace; }
std::shared_ptr<const LibraryCall> lt_call(std::shared_ptr<LtPlan> plan, size_t algorithm) {
  return std::make_shared<PlanCall<LtPlan>>(std::move(plan), algorithm);
}

}  // namespace vivace::cuda
