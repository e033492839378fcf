// The text of the kernel of cuda_conv_stem, which comes after image_conv_source(), mma_functions() and constants.
#pragma once

#include <string>

namespace vivace::cuda {

/// `same_type`: the image has the weights' type, else it is f32. `pooled`: maxima of windows of the convolution are
/// stored, not itself.
std::string conv_stem_text(bool same_type, bool pooled);

}  // namespace vivace::cuda
