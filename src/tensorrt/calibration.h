// Calibration of 8-bit ranges: the calibrator's batches run, and what each tensor was at most becomes its scale.
#pragma once

#include "tensorrt/core.h"

namespace vivace::tensorrt {

/// Asks for the calibrator's cache, and without one runs its batches in an engine of the plan and writes one: a line
/// "name: scale" for each tensor of floats, the scale as the bits of a float in hexadecimal.
/// @param shapes of inputs that are dynamic, by name
Status calibrate(nvinfer1::IInt8Calibrator& calibrator, plan::Plan plan, const std::map<std::string, Shape>& shapes,
                 bool narrow, const Errors& errors);

}  // namespace vivace::tensorrt
