// Checks JSON that JavaScript will parse.
#pragma once

#include <cstddef>

namespace neurode::serve {

// Throws ERR_REQUEST unless the text is JSON in UTF-8 in which no object has two members of one
// name, and nothing is nested deeper than JsonCursor::kDeepest.
void check_strict_json(const char* text, std::size_t size);

}  // namespace neurode::serve
