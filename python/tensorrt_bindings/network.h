// Networks as Python objects.
#pragma once

#include "bind.h"

namespace tensorrt_python {

/// Owns the network; `builder` lives as long.
nb::object wrap_network(nvinfer1::INetworkDefinition* network, nb::handle builder);

}  // namespace tensorrt_python
