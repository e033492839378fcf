// CUDA graphs and events that belong to somebody.
#pragma once

#include <vector>

#include "backends/cuda/driver.h"

namespace vivace::cuda {

/// Graphs captured from a stream, in order: one up to each node of the CPU, one for the rest.
class Recording {
 public:
  explicit Recording(const Driver& driver) : driver_(driver) {}
  ~Recording();
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;

  Status begin(StreamHandle* stream);
  Status end(StreamHandle* stream);
  Status launch(size_t i, StreamHandle* stream) const;

 private:
  const Driver& driver_;
  std::vector<GraphExecHandle*> graphs_;
};

/// Events of one stream, in order.
class Events {
 public:
  explicit Events(const Driver& driver) : driver_(driver) {}
  ~Events();
  Events(const Events&) = delete;
  Events& operator=(const Events&) = delete;

  Status record(StreamHandle* stream);
  Result<double> seconds(size_t from, size_t to) const;

 private:
  const Driver& driver_;
  std::vector<EventHandle*> events_;
};

}  // namespace vivace::cuda
