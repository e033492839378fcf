// Values of flags: numbers, lists, shapes, types. Each function raises Failure for what it cannot read.
#pragma once

#include "options.h"

namespace trtexec {

int to_int(const std::string& text);
double to_number(const std::string& text);
/// Of "1", "true" or nothing, "0", "false".
bool to_switch(const std::string& text);
/// Without empty parts; what stands in quotes ('a,b') stays whole, the quotes go.
Strings split(const std::string& text, char separator);
/// "name:value" at the last colon, for names may have colons.
std::pair<std::string, std::string> split_name(const std::string& text);
/// "x:1x3x224x224,y:scalar"
Shapes to_shapes(const std::string& text);
/// "fp16:chw+hwc8,int32:chw"
std::vector<IoFormat> to_formats(const std::string& text);
/// "fp16"
nvinfer1::DataType to_type(const std::string& text);
/// "workspace:1024,dlaSRAM:0.5": MiB, or with a suffix B, K, M, G
std::map<std::string, double> to_pools(const std::string& text);
/// "layer:fp16,*:fp32"
std::vector<std::pair<std::string, nvinfer1::DataType>> to_layer_types(const std::string& text);

/// The choice nearest to `text`, or nothing where none is near.
std::string nearest(const std::string& text, const Strings& choices);

}  // namespace trtexec
