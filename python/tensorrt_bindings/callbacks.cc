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

template <class Base>
struct PyAllocatorOf : Base {
  NB_TRAMPOLINE(Base);
  void* allocate(uint64_t size, uint64_t alignment, AllocatorFlags flags) noexcept override {
    if constexpr (std::is_same_v<Base, IGpuAsyncAllocator>) {
      if (!has(nb_trampoline, "allocate")) return Base::allocate(size, alignment, flags);
    }
    return pointer(ask<uintptr_t>(nb_trampoline, "allocate", 0, size, alignment, flags));
  }
  void* reallocate(void* memory, uint64_t alignment, uint64_t size) noexcept override {
    return pointer(ask<uintptr_t>(nb_trampoline, "reallocate", 0, number(memory), alignment, size));
  }
  void free(void* memory) noexcept override { tell(nb_trampoline, "free", number(memory)); }
  bool deallocate(void* memory) noexcept override {
    // Programs written for 7 have free().
    if (!has(nb_trampoline, "deallocate")) return Base::deallocate(memory);
    return ask<bool>(nb_trampoline, "deallocate", false, number(memory));
  }
  void* allocateAsync(uint64_t size, uint64_t alignment, AllocatorFlags flags, cudaStream_t stream) noexcept override {
    if constexpr (std::is_same_v<Base, IGpuAllocator>) {
      if (!has(nb_trampoline, "allocate_async")) return Base::allocateAsync(size, alignment, flags, stream);
    }
    return pointer(ask<uintptr_t>(nb_trampoline, "allocate_async", 0, size, alignment, flags, number(stream)));
  }
  bool deallocateAsync(void* memory, cudaStream_t stream) noexcept override {
    if constexpr (std::is_same_v<Base, IGpuAllocator>) {
      if (!has(nb_trampoline, "deallocate_async")) return Base::deallocateAsync(memory, stream);
    }
    return ask<bool>(nb_trampoline, "deallocate_async", false, number(memory), number(stream));
  }
};

/// The allocator where it is one of C++; null for those that Python implements, whose classes lack the method called.
IGpuAllocator* native(IGpuAllocator& allocator) {
  const bool python = dynamic_cast<PyAllocatorOf<IGpuAllocator>*>(&allocator) ||
                      dynamic_cast<PyAllocatorOf<IGpuAsyncAllocator>*>(&allocator);
  return python ? nullptr : &allocator;
}

}  // namespace

void bind_callbacks(nb::module_& m) {
  using A = IGpuAllocator;
  nb::class_<A, PyAllocatorOf<A>>(m, "IGpuAllocator")
      .def(nb::init<>())
      .def(
          "allocate",
          [](A& a, uint64_t size, uint64_t alignment, AllocatorFlags flags) {
            A* own = native(a);
            return number(own ? own->allocate(size, alignment, flags) : nullptr);
          },
          "size"_a, "alignment"_a, "flags"_a)
      .def(
          "reallocate",
          [](A& a, uintptr_t address, uint64_t alignment, uint64_t size) {
            A* own = native(a);
            return number(own ? own->reallocate(pointer(address), alignment, size) : nullptr);
          },
          "address"_a, "alignment"_a, "new_size"_a)
      .def(
          "deallocate",
          [](A& a, uintptr_t memory) {
            A* own = native(a);
            return own && own->deallocate(pointer(memory));
          },
          "memory"_a)
      .def(
          "allocate_async",
          [](A& a, uint64_t size, uint64_t alignment, AllocatorFlags flags, uintptr_t stream) {
            A* own = native(a);
            return number(own ? own->allocateAsync(size, alignment, flags, static_cast<cudaStream_t>(pointer(stream)))
                              : nullptr);
          },
          "size"_a, "alignment"_a, "flags"_a, "stream"_a)
      .def(
          "deallocate_async",
          [](A& a, uintptr_t memory, uintptr_t stream) {
            A* own = native(a);
            return own && own->deallocateAsync(pointer(memory), static_cast<cudaStream_t>(pointer(stream)));
          },
          "memory"_a, "stream"_a);
  nb::class_<IGpuAsyncAllocator, A, PyAllocatorOf<IGpuAsyncAllocator>>(m, "IGpuAsyncAllocator").def(nb::init<>());
}

}  // namespace tensorrt_python
