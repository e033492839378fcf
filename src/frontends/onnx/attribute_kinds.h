// Which kind of value the standard gives an attribute.
#pragma once

#include "frontends/onnx/proto.h"

namespace vivace::onnx {

/// undefined where the standard's operators do not agree on it or have no such attribute.
proto::AttributeKind kind_of_attribute(Bytes name);

/// All names that say their kind.
std::vector<Bytes> attribute_names();

/// "an integer", for messages.
const char* to_string(proto::AttributeKind kind);

}  // namespace vivace::onnx
