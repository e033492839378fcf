#include "base/version.h"

namespace vivace {

const char* version() { return VIVACE_VERSION; }

}  // namespace vivace
