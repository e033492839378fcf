// Loops and conditionals.
#pragma once

#include <memory>

#include "NvInfer.h"

namespace vivace::tensorrt {

class Network;

std::unique_ptr<nvinfer1::ILoop> make_loop(Network& network);
std::unique_ptr<nvinfer1::IIfConditional> make_conditional(Network& network);

}  // namespace vivace::tensorrt
