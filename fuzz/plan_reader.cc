// Plans from hostile bytes. The checksums are made right first, so that the input gets past them.
#include <cstdint>
#include <cstdlib>
#include <vector>

#include "plan/header.h"
#include "plan/plan.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace vivace;
  std::vector<std::byte> bytes(size);
  for (size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::byte>(data[i]);
  plan::reseal(bytes);
  const auto read = plan::from_bytes(bytes, nullptr, {.verify_weights = false});
  if (!read.ok()) return 0;
  // What was read is sound: it can be verified and written, and reads the same again.
  if (!ir::verify(*read->program.graph).ok()) std::abort();
  const auto again = plan::to_bytes(*read);
  if (!again.ok() || !plan::from_bytes(*again, nullptr).ok()) std::abort();
  return 0;
}
