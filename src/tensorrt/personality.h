// Two libraries of the same sources serve clients of the generations below 10 and from 10 on, whose Dims differ.
#pragma once

#include <cstdint>

namespace vivace::tensorrt {

/// Whether a client compiled for this NV_TENSORRT_VERSION has DataType::kINT64: from 9 on.
constexpr bool knows_int64(int32_t version) { return version >= 9000; }

/// Whether a client compiled for this NV_TENSORRT_VERSION needs the library of the other generations.
bool is_other_generation(int32_t version);
/// A function of that library ("libnvinfer"), which lies beside this one; null where it cannot be loaded. It stays.
void* other_generation(const char* library, const char* function);

}  // namespace vivace::tensorrt
