// Small vectors of CUDA, as plain structs for the host.
#ifndef VIVACE_CUDA_VECTOR_TYPES_H_
#define VIVACE_CUDA_VECTOR_TYPES_H_

#define VIVACE_CUDA_VECTOR(T, name)              \
  typedef struct name##1 { T x; } name##1;       \
  typedef struct name##2 { T x, y; } name##2;    \
  typedef struct name##3 { T x, y, z; } name##3; \
  typedef struct name##4 { T x, y, z, w; } name##4;

VIVACE_CUDA_VECTOR(signed char, char)
VIVACE_CUDA_VECTOR(unsigned char, uchar)
VIVACE_CUDA_VECTOR(short, short)
VIVACE_CUDA_VECTOR(unsigned short, ushort)
VIVACE_CUDA_VECTOR(int, int)
VIVACE_CUDA_VECTOR(unsigned int, uint)
VIVACE_CUDA_VECTOR(long, long)
VIVACE_CUDA_VECTOR(unsigned long, ulong)
VIVACE_CUDA_VECTOR(long long, longlong)
VIVACE_CUDA_VECTOR(unsigned long long, ulonglong)
VIVACE_CUDA_VECTOR(float, float)
VIVACE_CUDA_VECTOR(double, double)
#undef VIVACE_CUDA_VECTOR

#ifdef __cplusplus
struct dim3 {
  unsigned int x, y, z;
  constexpr dim3(unsigned int x_ = 1, unsigned int y_ = 1, unsigned int z_ = 1) : x(x_), y(y_), z(z_) {}
};
#else
typedef struct dim3 {
  unsigned int x, y, z;
} dim3;
#endif

#endif  // VIVACE_CUDA_VECTOR_TYPES_H_
