// How the manifest finds extensions.
#pragma once

#include "ops/operator.h"

namespace vivace::ops {

/// nullptr where there is no such extension now.
const Operator* find_extension_row(std::string_view op);
/// unsupported: names similar operators, or the plugin that the node was made with.
Status unknown_operator(const ir::Node& node);

}  // namespace vivace::ops
