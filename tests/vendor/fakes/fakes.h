// What the libraries that stand in for NVIDIA's have in common: they work on the null device, whose memory is the
// host's.
#pragma once

#include <cstdint>

#define FAKE extern "C" __attribute__((visibility("default")))

// Counted by both, and read by tests.
struct FakeCounts {
  int handles = 0, descriptors = 0;  // alive
  int runs = 0;
  void* stream = nullptr;  // of the last run
  int last = -1;           // its algorithm
};
