// The version of the library.
#pragma once

namespace vivace {

/// "0.1.0", the version of the CMake project.
const char* version();

}  // namespace vivace
