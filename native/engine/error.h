// The one exception of the native code, with the code that JavaScript sees.
#pragma once

#include <stdexcept>
#include <string>

namespace neurode {

// The text is the `code` of the NeurodeError it becomes.
struct Error : std::runtime_error {
  Error(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
  const char* code;
};

}  // namespace neurode
