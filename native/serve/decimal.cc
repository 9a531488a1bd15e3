// JSON numbers to float32 and back: correctly rounded one way, shortest that reads back the same
// the other.
#include "native/serve/decimal.h"

#include <charconv>
#include <cmath>
#include <cstring>
#include <version>

#if !defined(__cpp_lib_to_chars)
#include <cstdio>
#include <cstdlib>
#if defined(__APPLE__)
#include <xlocale.h>
#endif
#endif

namespace neurode::serve {
DecimalError round_exactly(const char* text, const char* end, float& value) {
#if defined(__cpp_lib_to_chars)
  const auto result = std::from_chars(text, end, value);
  if (result.ec == std::errc{}) return DecimalError::none;
#else
  const std::string copy(text, end);
#if defined(__APPLE__)
  value = strtof_l(copy.c_str(), nullptr, nullptr);
#else
  value = std::strtof(copy.c_str(), nullptr);
#endif
  if (std::isfinite(value)) return DecimalError::none;
#endif
  // Out of range one way or the other: the place of the first digit that is not zero tells.
  const bool negative = *text == '-';
  long place = 0;
  bool after_point = false, found = false;
  const char* p = text + negative;
  for (; is_digit(*p) || *p == '.'; ++p) {
    if (*p == '.') {
      after_point = true;
    } else if (!found) {
      found = *p != '0';
      if (after_point) --place;
    } else if (!after_point) {
      ++place;
    }
  }
  if (*p == 'e' || *p == 'E') {
    const bool down = p[1] == '-';
    long power = 0;
    for (p += p[1] == '-' || p[1] == '+' ? 2 : 1; is_digit(*p); ++p) {
      if (power < 1'000'000'000) power = power * 10 + (*p - '0');
    }
    place += down ? -power : power;
  }
  if (found && place >= 0) return DecimalError::range;
  value = negative ? -0.0f : 0.0f;
  return DecimalError::none;
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
