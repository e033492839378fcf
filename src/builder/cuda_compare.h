// The rows of the vendor's libraries beside ours.
#pragma once

#include "builder/cuda_work.h"

namespace vivace::builder {

/// Times what the vendor's libraries have for a problem in turns with the best of our options, whose kernels are
/// loaded; nullopt where no library has a row for the operator or none of ours runs it.
Result<std::optional<Comparison>> compare_with_vendor(const CudaWork& work, const CudaOption& ours,
                                                      const cuda::Device& gpu, const GpuClock& clock, ThreadPool& pool,
                                                      double seconds);

/// The option of ours that was measured to be fastest; nullptr: none was, or there is none.
CudaOption* best_of_ours(CudaWork& work);

/// What is missing of these libraries, for the report; with no names, of all of them.
std::vector<std::string> missing_libraries(const std::vector<std::string>& names);

}  // namespace vivace::builder
