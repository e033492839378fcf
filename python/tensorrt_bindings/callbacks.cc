// Allocators of memory that Python programs implement.
#include "bind.h"

namespace tensorrt_python {
namespace {

using namespace nvinfer1;  // NOLINT

uintptr_t number(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }
void* pointer(uintptr_t number) { return reinterpret_cast<void*>(number); }

bool has(const nb::detail::trampoline& self, const char* name) {
  if (!nb::is_alive()) return false;
  nb::gil_scoped_acquire gil;
  return nb::detail::ticket(self, name, nb::detail::str_hash(name), false).key.is_valid();
}

/// What an allocator of Python does by the methods that its class does not have.
struct Defaults {
  virtual ~Defaults() = default;
  virtual void* default_allocate(uint64_t size, uint64_t alignment, AllocatorFlags flags) = 0;
  virtual bool default_deallocate(void* memory) = 0;
  virtual void* default_allocate_async(uint64_t size, uint64_t alignment, AllocatorFlags flags, cudaStream_t s) = 0;
  virtual bool default_deallocate_async(void* memory, cudaStream_t s) = 0;
};

template <class Base>
struct PyAllocatorOf : Base, Defaults {
  static constexpr bool kAsync = std::is_same_v<Base, IGpuAsyncAllocator>;
  NB_TRAMPOLINE(Base);
  void* allocate(uint64_t size, uint64_t alignment, AllocatorFlags flags) noexcept override {
    if (kAsync && !has(nb_trampoline, "allocate")) return default_allocate(size, alignment, flags);
    return pointer(ask<uintptr_t>(nb_trampoline, "allocate", 0, size, alignment, flags));
  }
  void* reallocate(void* memory, uint64_t alignment, uint64_t size) noexcept override {
    return pointer(ask<uintptr_t>(nb_trampoline, "reallocate", 0, number(memory), alignment, size));
  }
  void free(void* memory) noexcept override { tell(nb_trampoline, "free", number(memory)); }
  bool deallocate(void* memory) noexcept override {
    // Programs written for 7 have free().
    if (!has(nb_trampoline, "deallocate")) return default_deallocate(memory);
    return ask<bool>(nb_trampoline, "deallocate", false, number(memory));
  }
  void* allocateAsync(uint64_t size, uint64_t alignment, AllocatorFlags flags, cudaStream_t stream) noexcept override {
    if (!has(nb_trampoline, "allocate_async")) return default_allocate_async(size, alignment, flags, stream);
    return pointer(ask<uintptr_t>(nb_trampoline, "allocate_async", 0, size, alignment, flags, number(stream)));
  }
  bool deallocateAsync(void* memory, cudaStream_t stream) noexcept override {
    if (!has(nb_trampoline, "deallocate_async")) return default_deallocate_async(memory, stream);
    return ask<bool>(nb_trampoline, "deallocate_async", false, number(memory), number(stream));
  }

  void* default_allocate(uint64_t size, uint64_t alignment, AllocatorFlags flags) override {
    if constexpr (kAsync) return Base::allocate(size, alignment, flags);
    return nullptr;
  }
  bool default_deallocate(void* memory) override { return Base::deallocate(memory); }
  void* default_allocate_async(uint64_t size, uint64_t alignment, AllocatorFlags flags, cudaStream_t stream) override {
    if constexpr (!kAsync) return Base::allocateAsync(size, alignment, flags, stream);
    return nullptr;
  }
  bool default_deallocate_async(void* memory, cudaStream_t stream) override {
    if constexpr (!kAsync) return Base::deallocateAsync(memory, stream);
    return false;
  }
};

cudaStream_t stream_of(uintptr_t stream) { return static_cast<cudaStream_t>(pointer(stream)); }

}  // namespace

void bind_callbacks(nb::module_& m) {
  using A = IGpuAllocator;
  nb::class_<A, PyAllocatorOf<A>>(m, "IGpuAllocator")
      .def(nb::init<>())
      .def(
          "allocate",
          [](A& a, uint64_t size, uint64_t alignment, AllocatorFlags flags) {
            auto* own = dynamic_cast<Defaults*>(&a);
            return number(own ? own->default_allocate(size, alignment, flags) : a.allocate(size, alignment, flags));
          },
          "size"_a, "alignment"_a, "flags"_a)
      .def(
          "reallocate",
          [](A& a, uintptr_t address, uint64_t alignment, uint64_t size) {
            return number(dynamic_cast<Defaults*>(&a) ? nullptr : a.reallocate(pointer(address), alignment, size));
          },
          "address"_a, "alignment"_a, "new_size"_a)
      .def(
          "deallocate",
          [](A& a, uintptr_t memory) {
            auto* own = dynamic_cast<Defaults*>(&a);
            return own ? own->default_deallocate(pointer(memory)) : a.deallocate(pointer(memory));
          },
          "memory"_a)
      .def(
          "allocate_async",
          [](A& a, uint64_t size, uint64_t alignment, AllocatorFlags flags, uintptr_t stream) {
            auto* own = dynamic_cast<Defaults*>(&a);
            return number(own ? own->default_allocate_async(size, alignment, flags, stream_of(stream))
                              : a.allocateAsync(size, alignment, flags, stream_of(stream)));
          },
          "size"_a, "alignment"_a, "flags"_a, "stream"_a)
      .def(
          "deallocate_async",
          [](A& a, uintptr_t memory, uintptr_t stream) {
            auto* own = dynamic_cast<Defaults*>(&a);
            return own ? own->default_deallocate_async(pointer(memory), stream_of(stream))
                       : a.deallocateAsync(pointer(memory), stream_of(stream));
          },
          "memory"_a, "stream"_a);
  nb::class_<IGpuAsyncAllocator, A, PyAllocatorOf<IGpuAsyncAllocator>>(m, "IGpuAsyncAllocator").def(nb::init<>());
}

}  // namespace tensorrt_python
