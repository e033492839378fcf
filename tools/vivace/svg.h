// A graph as a picture.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace tool {

/// Draws what `describe` or `inspect` say as JSON: one box per layer, data flowing down.
std::string to_svg(const nlohmann::ordered_json& description);

}  // namespace tool
