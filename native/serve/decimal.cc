// JSON numbers to float32 and back: correctly rounded one way, shortest that reads back the same
// the other.
#include "native/serve/decimal.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <version>

#if !defined(__cpp_lib_to_chars)
#include <cstdio>
#endif

namespace neurode::serve {

const char* syntax_error(const char* text, const char* end) {
  if (text == end) return text;
  const fast_float::parse_options options{fast_float::chars_format::json};
  return fast_float::parse_number_string<true, char>(text, end, options).lastmatch;
}

namespace {

char* write_number(char* to, char* end, float value) {
  if (!std::isfinite(value)) {
    std::memcpy(to, "null", 4);
    return to + 4;
  }
#if defined(__cpp_lib_to_chars)
  return std::to_chars(to, end, value).ptr;
#else
  return to + std::snprintf(to, static_cast<std::size_t>(end - to), "%.9g", value);
#endif
}

}  // namespace

void append_numbers(const float* values, std::size_t count, std::size_t rows, std::string& text) {
  constexpr std::size_t kLongest = 20;  // of a number, with what stands around it
  const std::size_t per_row = rows > 0 ? count / rows : count;
  const std::size_t begin = text.size();
  text.resize(begin + count * kLongest + rows * 4 + 4);
  char* p = text.data() + begin;
  char* const end = text.data() + text.size();
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) *p++ = ',';
    if (rows > 0 && i % per_row == 0) *p++ = '[';
    p = write_number(p, end, values[i]);
    if (rows > 0 && i % per_row == per_row - 1) *p++ = ']';
  }
  text.resize(static_cast<std::size_t>(p - text.data()));
}

}  // namespace neurode::serve
