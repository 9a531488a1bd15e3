// Reads the small text files in which the system describes itself.
#pragma once

#include <string>
#include <string_view>

namespace neurode::cpu {

// The whole text of a file; empty if it cannot be read.
std::string read_text(const std::string& path);

// Takes the first line off a text.
std::string_view take_line(std::string_view& text);
// Takes the first word off a text; empty if there is none left.
std::string_view take_word(std::string_view& text);

// The first word of a file; empty if it has none.
std::string read_word(const std::string& path);

}  // namespace neurode::cpu
