// The CUDA runtime over host memory, as a C++ program uses it.
#include <cuda.h>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <cuda_fp4.h>
#include <cuda_fp8.h>
#include <cuda_profiler_api.h>
#include <cuda_runtime.h>
#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <string>
#include <thread>
#include <vector>

namespace {

#define EXPECT_CUDA(expected, call)                       \
  do {                                                    \
    EXPECT_EQ(call, expected);                            \
    EXPECT_EQ(cudaGetLastError(), expected) << "as kept"; \
  } while (false)
#define ASSERT_OK(call) ASSERT_EQ(call, cudaSuccess)

TEST(Errors, AreKeptUntilTaken) {
  EXPECT_EQ(cudaSetDevice(1), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaFree(nullptr), cudaSuccess);
  EXPECT_EQ(cudaPeekAtLastError(), cudaErrorInvalidDevice);
  std::thread([] { EXPECT_EQ(cudaGetLastError(), cudaSuccess) << "of another thread"; }).join();
  EXPECT_EQ(cudaGetLastError(), cudaErrorInvalidDevice);
  EXPECT_EQ(cudaGetLastError(), cudaSuccess);
}

TEST(Errors, HaveNamesAndTexts) {
  EXPECT_STREQ(cudaGetErrorName(cudaErrorMemoryAllocation), "cudaErrorMemoryAllocation");
  EXPECT_STREQ(cudaGetErrorString(cudaSuccess), "no error");
  EXPECT_STREQ(cudaGetErrorString(cudaErrorMemoryAllocation), "out of memory");
  EXPECT_STREQ(cudaGetErrorString(static_cast<cudaError_t>(12345)), "unrecognized error code");
}

TEST(Device, IsTheHost) {
  int count = 0, device = -1, driver = 0, runtime = 0, major = 0;
  ASSERT_OK(cudaGetDeviceCount(&count));
  ASSERT_OK(cudaGetDevice(&device));
  EXPECT_EQ(count, 1);
  EXPECT_EQ(device, 0);
  cudaDeviceProp prop;
  ASSERT_OK(cudaGetDeviceProperties(&prop, 0));
  EXPECT_NE(std::string(prop.name).find("host CPU"), std::string::npos) << prop.name;
  EXPECT_GT(prop.totalGlobalMem, 1u << 20);
  EXPECT_GE(prop.multiProcessorCount, 1);
  ASSERT_OK(cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, 0));
  EXPECT_EQ(major, prop.major);
  ASSERT_OK(cudaDriverGetVersion(&driver));
  ASSERT_OK(cudaRuntimeGetVersion(&runtime));
  EXPECT_EQ(driver, CUDART_VERSION);
  EXPECT_EQ(runtime, CUDART_VERSION);
  EXPECT_CUDA(cudaErrorInvalidDevice, cudaGetDeviceProperties(&prop, 7));
  EXPECT_CUDA(cudaErrorInvalidDevice, cudaDeviceGetAttribute(&major, cudaDevAttrWarpSize, 7));
  char id[32];
  ASSERT_OK(cudaDeviceGetPCIBusId(id, sizeof(id), 0));
  ASSERT_OK(cudaDeviceGetByPCIBusId(&device, id));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaDeviceGetPCIBusId(id, 3, 0));
}

TEST(Device, KeepsLimitsAndFlags) {
  size_t value = 0;
  ASSERT_OK(cudaDeviceSetLimit(cudaLimitStackSize, 4096));
  ASSERT_OK(cudaDeviceGetLimit(&value, cudaLimitStackSize));
  EXPECT_EQ(value, 4096u);
  EXPECT_CUDA(cudaErrorUnsupportedLimit, cudaDeviceSetLimit(static_cast<cudaLimit>(99), 1));
  EXPECT_CUDA(cudaErrorUnsupportedLimit, cudaDeviceSetLimit(static_cast<cudaLimit>(-1), 1));
  unsigned int flags = 0;
  ASSERT_OK(cudaSetDeviceFlags(cudaDeviceScheduleSpin));
  ASSERT_OK(cudaGetDeviceFlags(&flags));
  EXPECT_EQ(flags, static_cast<unsigned int>(cudaDeviceScheduleSpin));
  ASSERT_OK(cudaSetDeviceFlags(cudaDeviceScheduleAuto));
  ASSERT_OK(cudaDeviceSynchronize());
  ASSERT_OK(cudaProfilerStart());
  ASSERT_OK(cudaProfilerStop());
}

TEST(Memory, OfEveryKindIsKnown) {
  struct Case {
    cudaError_t (*allocate)(void**);
    cudaError_t (*release)(void*);
    cudaMemoryType type;
  };
  const Case cases[] = {
      {[](void** p) { return cudaMalloc(p, 100); }, cudaFree, cudaMemoryTypeDevice},
      {[](void** p) { return cudaMallocAsync(p, 100, nullptr); }, [](void* p) { return cudaFreeAsync(p, nullptr); },
       cudaMemoryTypeDevice},
      {[](void** p) { return cudaMallocManaged(p, 100, cudaMemAttachGlobal); }, cudaFree, cudaMemoryTypeManaged},
      {[](void** p) { return cudaMallocHost(p, 100); }, cudaFreeHost, cudaMemoryTypeHost},
      {[](void** p) { return cudaHostAlloc(p, 100, cudaHostAllocMapped); }, cudaFreeHost, cudaMemoryTypeHost},
  };
  for (const Case& c : cases) {
    void* memory = nullptr;
    ASSERT_OK(c.allocate(&memory));
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % 256, 0u);
    std::memset(memory, 1, 100);
    cudaPointerAttributes attributes;
    ASSERT_OK(cudaPointerGetAttributes(&attributes, static_cast<char*>(memory) + 99));
    EXPECT_EQ(attributes.type, c.type);
    EXPECT_EQ(attributes.devicePointer, static_cast<char*>(memory) + 99);
    EXPECT_EQ(attributes.hostPointer == nullptr, c.type == cudaMemoryTypeDevice);
    const auto other = c.type == cudaMemoryTypeHost ? cudaFree : cudaFreeHost;
    EXPECT_CUDA(cudaErrorInvalidValue, other(memory));
    ASSERT_OK(c.release(memory));
    EXPECT_CUDA(cudaErrorInvalidValue, c.release(memory));
  }
  int mine = 0;
  cudaPointerAttributes attributes;
  ASSERT_OK(cudaPointerGetAttributes(&attributes, &mine));
  EXPECT_EQ(attributes.type, cudaMemoryTypeUnregistered);
}

TEST(Memory, ThatTheHostHasNotIsAnError) {
  void* memory = &memory;
  EXPECT_CUDA(cudaErrorMemoryAllocation, cudaMalloc(&memory, std::numeric_limits<size_t>::max() / 2));
  EXPECT_EQ(memory, nullptr);
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMalloc(static_cast<void**>(nullptr), 1));
  size_t pitch = 0;
  EXPECT_CUDA(cudaErrorMemoryAllocation, cudaMallocPitch(&memory, &pitch, std::numeric_limits<size_t>::max(), 2));
  ASSERT_OK(cudaMalloc(&memory, 0));
  ASSERT_OK(cudaFree(memory));
  size_t available = 0, total = 0;
  ASSERT_OK(cudaMemGetInfo(&available, &total));
  EXPECT_GT(available, 0u);
  EXPECT_LE(available, total);
}

TEST(Memory, OfThePoolIsCounted) {
  cudaMemPool_t pool = nullptr;
  ASSERT_OK(cudaDeviceGetDefaultMemPool(&pool, 0));
  uint64_t before = 0, after = 0, threshold = 77;
  ASSERT_OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &before));
  void* memory = nullptr;
  ASSERT_OK(cudaMallocFromPoolAsync(&memory, 1000, pool, nullptr));
  ASSERT_OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrUsedMemCurrent, &after));
  EXPECT_EQ(after - before, 1000u);
  ASSERT_OK(cudaFreeAsync(memory, nullptr));
  ASSERT_OK(cudaMemPoolSetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &threshold));
  ASSERT_OK(cudaMemPoolGetAttribute(pool, cudaMemPoolAttrReleaseThreshold, &after));
  EXPECT_EQ(after, 77u);
}

TEST(Memory, OfTheHostIsRegistered) {
  std::vector<char> mine(64);
  unsigned int flags = 0;
  void* device = nullptr;
  EXPECT_CUDA(cudaErrorInvalidValue, cudaHostGetDevicePointer(&device, mine.data(), 0));
  ASSERT_OK(cudaHostRegister(mine.data(), mine.size(), cudaHostRegisterPortable));
  EXPECT_CUDA(cudaErrorHostMemoryAlreadyRegistered, cudaHostRegister(mine.data(), 1, 0));
  ASSERT_OK(cudaHostGetFlags(&flags, mine.data()));
  EXPECT_EQ(flags, static_cast<unsigned int>(cudaHostRegisterPortable));
  ASSERT_OK(cudaHostGetDevicePointer(&device, mine.data() + 1, 0));
  EXPECT_EQ(device, mine.data() + 1);
  EXPECT_CUDA(cudaErrorInvalidValue, cudaFreeHost(mine.data()));
  ASSERT_OK(cudaHostUnregister(mine.data()));
  EXPECT_CUDA(cudaErrorHostMemoryNotRegistered, cudaHostUnregister(mine.data()));
}

TEST(Copies, MoveBytesAndStayInside) {
  std::vector<float> in(100), out(100);
  std::iota(in.begin(), in.end(), 1.0f);
  float* device = nullptr;
  ASSERT_OK(cudaMalloc(&device, 400));
  ASSERT_OK(cudaMemcpy(device, in.data(), 400, cudaMemcpyHostToDevice));
  ASSERT_OK(cudaMemcpyAsync(out.data(), device, 400, cudaMemcpyDeviceToHost, cudaStreamPerThread));
  EXPECT_EQ(in, out);
  ASSERT_OK(cudaMemcpyAsync(out.data(), device + 99, 4, cudaMemcpyDefault));
  EXPECT_EQ(out[0], 100.0f);
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(device + 99, in.data(), 8, cudaMemcpyHostToDevice));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(out.data(), device + 1, 400, cudaMemcpyDeviceToHost));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy(nullptr, device, 4, cudaMemcpyDeviceToHost));
  EXPECT_CUDA(cudaErrorInvalidMemcpyDirection, cudaMemcpy(device, in.data(), 4, static_cast<cudaMemcpyKind>(9)));
  EXPECT_CUDA(cudaErrorInvalidDevice, cudaMemcpyPeer(device, 1, device, 0, 4));
  ASSERT_OK(cudaMemcpy(nullptr, nullptr, 0, cudaMemcpyDeviceToHost));
  ASSERT_OK(cudaMemset(device, 0, 400));
  ASSERT_OK(cudaMemsetAsync(device, 0xff, 4, nullptr));
  ASSERT_OK(cudaMemcpy(out.data(), device, 400, cudaMemcpyDeviceToHost));
  EXPECT_TRUE(std::isnan(out[0]));
  EXPECT_EQ(out[1], 0.0f);
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemset(device, 0, 401));
  ASSERT_OK(cudaFree(device));
}

TEST(Copies, OfTwoDimensions) {
  const std::vector<char> in = {1, 2, 3, 4, 5, 6};
  std::vector<char> out(6, 0);
  char* device = nullptr;
  size_t pitch = 0;
  ASSERT_OK(cudaMallocPitch(&device, &pitch, 3, 2));
  EXPECT_GE(pitch, 3u);
  ASSERT_OK(cudaMemset2D(device, pitch, 9, 3, 2));
  ASSERT_OK(cudaMemcpy2D(device, pitch, in.data(), 3, 2, 2, cudaMemcpyHostToDevice));
  ASSERT_OK(cudaMemcpy2DAsync(out.data(), 3, device, pitch, 3, 2, cudaMemcpyDeviceToHost, nullptr));
  EXPECT_EQ(out, (std::vector<char>{1, 2, 9, 4, 5, 9}));
  EXPECT_CUDA(cudaErrorInvalidPitchValue, cudaMemcpy2D(device, pitch, in.data(), 1, 3, 2, cudaMemcpyHostToDevice));
  EXPECT_CUDA(cudaErrorInvalidValue, cudaMemcpy2D(out.data(), 3, device, pitch, 3, 5, cudaMemcpyDeviceToHost));
  ASSERT_OK(cudaFree(device));
}

int symbol[4];

TEST(Copies, ToSymbols) {
  const int in[2] = {5, 6};
  int out = 0;
  ASSERT_OK(cudaMemcpyToSymbol(symbol, in, sizeof(in), sizeof(int)));
  ASSERT_OK(cudaMemcpyFromSymbol(&out, symbol, sizeof(int), 2 * sizeof(int)));
  EXPECT_EQ(symbol[1], 5);
  EXPECT_EQ(out, 6);
}

TEST(Streams, DoWorkInOrder) {
  cudaStream_t stream = nullptr;
  ASSERT_OK(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  unsigned int flags = 0;
  ASSERT_OK(cudaStreamGetFlags(stream, &flags));
  EXPECT_EQ(flags, static_cast<unsigned int>(cudaStreamNonBlocking));
  std::vector<int> order;
  ASSERT_OK(cudaLaunchHostFunc(
      stream, [](void* data) { static_cast<std::vector<int>*>(data)->push_back(1); }, &order));
  ASSERT_OK(cudaStreamAddCallback(
      stream,
      [](cudaStream_t, cudaError_t status, void* data) {
        EXPECT_EQ(status, cudaSuccess);
        static_cast<std::vector<int>*>(data)->push_back(2);
      },
      &order, 0));
  ASSERT_OK(cudaStreamSynchronize(stream));
  EXPECT_EQ(order, (std::vector<int>{1, 2}));
  ASSERT_OK(cudaStreamQuery(stream));
  ASSERT_OK(cudaStreamDestroy(stream));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaStreamSynchronize(stream));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaStreamDestroy(stream));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaMemsetAsync(&flags, 0, 4, stream));
  ASSERT_OK(cudaStreamSynchronize(nullptr));
}

TEST(Events, AreClocks) {
  cudaEvent_t start = nullptr, end = nullptr, untimed = nullptr;
  ASSERT_OK(cudaEventCreate(&start));
  ASSERT_OK(cudaEventCreate(&end, cudaEventBlockingSync));
  ASSERT_OK(cudaEventCreateWithFlags(&untimed, cudaEventDisableTiming));
  float ms = -1;
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, start, end));
  ASSERT_OK(cudaEventRecord(start));
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  ASSERT_OK(cudaEventRecord(end));
  ASSERT_OK(cudaEventSynchronize(end));
  ASSERT_OK(cudaEventElapsedTime(&ms, start, end));
  EXPECT_GE(ms, 20.0f);
  EXPECT_LT(ms, 20000.0f);
  ASSERT_OK(cudaEventRecord(untimed));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventElapsedTime(&ms, start, untimed));
  ASSERT_OK(cudaStreamWaitEvent(nullptr, end));
  ASSERT_OK(cudaEventDestroy(start));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaEventRecord(start));
  ASSERT_OK(cudaEventDestroy(end));
  ASSERT_OK(cudaEventDestroy(untimed));
}

TEST(Graphs, ReplayWhatWasCaptured) {
  cudaStream_t stream = nullptr, side = nullptr;
  cudaEvent_t fork = nullptr;
  ASSERT_OK(cudaStreamCreate(&stream));
  ASSERT_OK(cudaStreamCreate(&side));
  ASSERT_OK(cudaEventCreate(&fork));
  int in = 1, out = 0, copy = 0;
  ASSERT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  ASSERT_OK(cudaStreamIsCapturing(stream, &status));
  EXPECT_EQ(status, cudaStreamCaptureStatusActive);
  ASSERT_OK(cudaMemcpyAsync(&out, &in, sizeof(in), cudaMemcpyDefault, stream));
  ASSERT_OK(cudaEventRecord(fork, stream));
  ASSERT_OK(cudaStreamWaitEvent(side, fork));
  ASSERT_OK(cudaMemcpyAsync(&copy, &out, sizeof(in), cudaMemcpyDefault, side));
  EXPECT_EQ(out, 0) << "a capture does nothing";
  cudaGraph_t graph = nullptr;
  ASSERT_OK(cudaStreamEndCapture(stream, &graph));
  ASSERT_OK(cudaStreamIsCapturing(side, &status));
  EXPECT_EQ(status, cudaStreamCaptureStatusNone);
  size_t nodes = 0;
  ASSERT_OK(cudaGraphGetNodes(graph, nullptr, &nodes));
  EXPECT_EQ(nodes, 3u);
  cudaGraphExec_t exec = nullptr, old = nullptr;
  ASSERT_OK(cudaGraphInstantiate(&exec, graph, 0));
  ASSERT_OK(cudaGraphInstantiate(&old, graph, nullptr, nullptr, 0));
  ASSERT_OK(cudaGraphDestroy(graph));
  for (in = 5; in < 7; ++in) {
    ASSERT_OK(cudaGraphLaunch(exec, stream));
    EXPECT_EQ(out, in);
    EXPECT_EQ(copy, in);
  }
  ASSERT_OK(cudaGraphLaunch(old, nullptr));
  EXPECT_EQ(copy, 7);
  ASSERT_OK(cudaGraphExecDestroy(exec));
  ASSERT_OK(cudaGraphExecDestroy(old));
  EXPECT_CUDA(cudaErrorInvalidResourceHandle, cudaGraphLaunch(exec, stream));
  ASSERT_OK(cudaMemcpyAsync(&out, &copy, sizeof(in), cudaMemcpyDefault, side));
  EXPECT_EQ(out, 7) << "after the capture work is done again";
  ASSERT_OK(cudaEventDestroy(fork));
  ASSERT_OK(cudaStreamDestroy(stream));
  ASSERT_OK(cudaStreamDestroy(side));
}

TEST(Graphs, TakeWorkOfLibraries) {
  struct Calls {
    int done = 0, dropped = 0;
  } calls;
  const auto work = [](void* data) { ++static_cast<Calls*>(data)->done; };
  const auto drop = [](void* data) { ++static_cast<Calls*>(data)->dropped; };
  cudaStream_t stream = nullptr;
  ASSERT_OK(cudaStreamCreate(&stream));
  EXPECT_EQ(cudaVivaceCaptureWork(stream, work, &calls, drop), 0);
  EXPECT_EQ(cudaVivaceCaptureWork(nullptr, work, &calls, drop), 0);
  ASSERT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  EXPECT_EQ(cudaVivaceCaptureWork(stream, nullptr, nullptr, nullptr), 1);
  EXPECT_EQ(cudaVivaceCaptureWork(stream, work, &calls, drop), 1);
  cudaGraph_t graph = nullptr;
  cudaGraphExec_t exec = nullptr;
  ASSERT_OK(cudaStreamEndCapture(stream, &graph));
  ASSERT_OK(cudaGraphInstantiate(&exec, graph));
  ASSERT_OK(cudaGraphDestroy(graph));
  EXPECT_EQ(calls.done, 0);
  ASSERT_OK(cudaGraphLaunch(exec, stream));
  ASSERT_OK(cudaGraphLaunch(exec, stream));
  EXPECT_EQ(calls.done, 2);
  EXPECT_EQ(calls.dropped, 0);
  ASSERT_OK(cudaGraphExecDestroy(exec));
  EXPECT_EQ(calls.dropped, 1);
  ASSERT_OK(cudaStreamDestroy(stream));
}

TEST(Graphs, AreNotMadeOfWaits) {
  cudaStream_t stream = nullptr;
  ASSERT_OK(cudaStreamCreate(&stream));
  cudaGraph_t graph = reinterpret_cast<cudaGraph_t>(1);
  EXPECT_CUDA(cudaErrorIllegalState, cudaStreamEndCapture(stream, &graph));
  EXPECT_EQ(graph, nullptr);
  EXPECT_CUDA(cudaErrorStreamCaptureUnsupported, cudaStreamBeginCapture(nullptr, cudaStreamCaptureModeRelaxed));
  ASSERT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  EXPECT_CUDA(cudaErrorIllegalState, cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed));
  EXPECT_CUDA(cudaErrorStreamCaptureUnsupported, cudaStreamSynchronize(stream));
  int value = 0;
  EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaMemsetAsync(&value, 1, 1, stream));
  EXPECT_CUDA(cudaErrorStreamCaptureInvalidated, cudaStreamEndCapture(stream, &graph));
  EXPECT_EQ(graph, nullptr);
  ASSERT_OK(cudaStreamSynchronize(stream));
  ASSERT_OK(cudaStreamDestroy(stream));
}

TEST(Threads, ShareTheRuntime) {
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 200; ++i) {
        cudaStream_t stream = nullptr;
        cudaEvent_t event = nullptr;
        int *device = nullptr, value = t * 1000 + i, back = -1;
        ASSERT_OK(cudaStreamCreate(&stream));
        ASSERT_OK(cudaEventCreate(&event));
        ASSERT_OK(cudaMalloc(&device, sizeof(int)));
        const bool capture = i % 2 == 0;
        if (capture) ASSERT_OK(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
        ASSERT_OK(cudaMemcpyAsync(device, &value, sizeof(int), cudaMemcpyHostToDevice, stream));
        ASSERT_OK(cudaEventRecord(event, stream));
        if (capture) {
          cudaGraph_t graph = nullptr;
          cudaGraphExec_t exec = nullptr;
          ASSERT_OK(cudaStreamEndCapture(stream, &graph));
          ASSERT_OK(cudaGraphInstantiate(&exec, graph));
          ASSERT_OK(cudaGraphLaunch(exec, stream));
          ASSERT_OK(cudaGraphDestroy(graph));
          ASSERT_OK(cudaGraphExecDestroy(exec));
        }
        ASSERT_OK(cudaMemcpyAsync(&back, device, sizeof(int), cudaMemcpyDeviceToHost, stream));
        ASSERT_OK(cudaEventSynchronize(event));
        ASSERT_OK(cudaStreamSynchronize(stream));
        EXPECT_EQ(back, value);
        ASSERT_OK(cudaFree(device));
        ASSERT_OK(cudaEventDestroy(event));
        ASSERT_OK(cudaStreamDestroy(stream));
      }
    });
  for (std::thread& thread : threads) thread.join();
}

TEST(SmallFloats, RoundToNearestEven) {
  EXPECT_EQ(__half(1.0f).__x, 0x3c00);
  EXPECT_EQ(__half(-2.0f).__x, 0xc000);
  EXPECT_EQ(__half(65504.0f).__x, 0x7bff);
  EXPECT_EQ(__half(65520.0f).__x, 0x7c00) << "too large: infinity";
  EXPECT_EQ(__half(1.0f + 1.0f / 2048).__x, 0x3c00) << "a tie goes to even";
  EXPECT_EQ(__half(1.0f + 3.0f / 2048).__x, 0x3c02);
  EXPECT_EQ(__half(5.9604645e-8f).__x, 0x0001) << "the smallest subnormal";
  EXPECT_EQ(__half(2.0e-8f).__x, 0x0000);
  EXPECT_EQ(__half(-0.0f).__x, 0x8000);
  EXPECT_EQ(__nv_bfloat16(3.140625f).__x, 0x4049);
  EXPECT_EQ(__nv_fp8_e4m3(448.0f).__x, 0x7e);
  EXPECT_EQ(__nv_fp8_e4m3(1000.0f).__x, 0x7e) << "too large: the largest";
  EXPECT_EQ(__nv_fp8_e5m2(57344.0f).__x, 0x7b);
  EXPECT_EQ(__nv_fp8_e5m2(1e9f).__x, 0x7b);
  EXPECT_TRUE(std::isnan(float(__nv_fp8_e4m3(NAN))));
  EXPECT_EQ(float(__nv_fp4_e2m1(2.5f)), 2.0f) << "a tie: to even";
  EXPECT_EQ(float(__nv_fp4_e2m1(5.1f)), 6.0f);
  EXPECT_EQ(float(__nv_fp4_e2m1(-100.0f)), -6.0f);
  EXPECT_EQ(__half2float(__float2half(0.1f)), 0.0999755859375f);
}

TEST(SmallFloats, OfEveryPatternComeBack) {
  for (int bits = 0; bits < 0x10000; ++bits) {
    __half h{};
    h.__x = static_cast<unsigned short>(bits);
    if (!std::isnan(float(h))) EXPECT_EQ(__half(float(h)).__x, bits);
    __nv_bfloat16 b{};
    b.__x = static_cast<unsigned short>(bits);
    if (!std::isnan(float(b))) EXPECT_EQ(__nv_bfloat16(float(b)).__x, bits);
    if (bits < 16) {
      __nv_fp4_e2m1 e2m1{};
      e2m1.__x = static_cast<unsigned char>(bits);
      EXPECT_EQ(__nv_fp4_e2m1(float(e2m1)).__x, bits);
    }
    if (bits > 0xff) continue;
    __nv_fp8_e4m3 e4m3{};
    e4m3.__x = static_cast<unsigned char>(bits);
    if (!std::isnan(float(e4m3))) EXPECT_EQ(__nv_fp8_e4m3(float(e4m3)).__x, bits);
  }
}

}  // namespace
