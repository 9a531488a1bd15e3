// doctest's assertions, and one with a printf text that says what was checked and what the result
// was.
#pragma once

#include <doctest/doctest.h>

#include <cstdio>
#include <string>

namespace neurode {

template <class... Values>
std::string printed(const char* format, Values... values) {
  char text[256];
  std::snprintf(text, sizeof text, format, values...);
  return text;
}
inline std::string printed(const char* text) { return text; }

}  // namespace neurode

// The text is made only if the check fails.
#define CHECK_THAT(condition, ...) CHECK_MESSAGE((condition), ::neurode::printed(__VA_ARGS__))
