#include "base/status.h"

namespace vivace {

const char* to_string(Code code) {
  switch (code) {
    case Code::ok: return "ok";
    case Code::invalid_argument: return "invalid argument";
    case Code::invalid_model: return "invalid model";
    case Code::unsupported: return "unsupported";
    case Code::shape_mismatch: return "shape mismatch";
    case Code::out_of_memory: return "out of memory";
    case Code::io_error: return "input/output error";
    case Code::corrupt_file: return "corrupt file";
    case Code::version_mismatch: return "version mismatch";
    case Code::device_unavailable: return "device unavailable";
    case Code::cancelled: return "cancelled";
    case Code::internal: return "internal error";
  }
  return "unknown";
}

}  // namespace vivace
