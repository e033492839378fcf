// Unicode's general categories.
#pragma once

#include <string_view>
#include <vector>

#include "ops/regex.h"

namespace vivace::ops {

/// The characters of a category ("Lu") or of a group of them ("L"); none where there is no such category.
std::vector<Regex::Range> ranges_of_category(std::string_view name);

}  // namespace vivace::ops
