// Compiles kernels with NVRTC, opened at run time. Needs no GPU.
#pragma once

#include <string>

#include "base/status.h"

namespace vivace::cuda {

/// The compiler's version, "13.0"; device_unavailable, with the reason and the way out, where there is none. NVRTC is
/// taken from VIVACE_NVRTC (a file), the library path, or a toolkit in /usr/local/cuda.
Result<std::string> compiler_version();

/// Machine code (a cubin) for `architecture` ("sm_90"). internal with the compiler's words where the source is wrong.
Result<std::string> compile(const std::string& source, const std::string& name, const std::string& architecture);

}  // namespace vivace::cuda
