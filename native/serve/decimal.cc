// Converts JSON numbers to float32, correctly rounded, and float32 to the shortest JSON number that
// reads back as the same float32.
#include "native/serve/decimal.h"

#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <version>

namespace neurode::serve {

const char* syntax_error(const char* text, const char* end) {
  if (text == end) return text;
  const fast_float::parse_options options{fast_float::chars_format::json};
  return fast_float::parse_number_string<true, char>(text, end, options).lastmatch;
}

namespace {

// Replaces a decimal by the next one with the same number of digits, farther from 0. If all digits
// are 9, the result is 0, which the caller rejects.
void step_up(char* scientific) {
  char* digit = std::strchr(scientific, 'e');
  while (digit-- > scientific) {
    if (*digit >= '0' && *digit < '9') {
      ++*digit;
      return;
    }
    if (*digit == '9') *digit = '0';
  }
}

}  // namespace

char* write_shortest(char* to, float value) {
  char nearest[32], scientific[32], fixed[64];
  int digits = 0;
  const auto reads_back = [&](const char* text) { return std::strtof(text, nullptr) == value; };
  do {
    std::snprintf(nearest, sizeof nearest, "%.*e", digits, static_cast<double>(value));
    std::memcpy(scientific, nearest, sizeof scientific);
    // At a power of two, the interval of decimals that read back is larger above the value than
    // below.
    if (!reads_back(scientific)) step_up(scientific);
  } while (!reads_back(scientific) && ++digits < 9);
  const int decimals = digits - std::atoi(std::strchr(scientific, 'e') + 1);
  std::snprintf(fixed, sizeof fixed, "%.*f", decimals > 0 ? decimals : 0,
                static_cast<double>(value));
  const bool is_shorter = std::strlen(fixed) <= std::strlen(scientific);
  const char* const text = is_shorter && reads_back(fixed) ? fixed : scientific;
  const std::size_t size = std::strlen(text);
  std::memcpy(to, text, size);
  return to + size;
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
  static_cast<void>(end);
  return write_shortest(to, value);
#endif
}

}  // namespace

void append_numbers(const float* values, std::size_t count, std::size_t rows, std::string& text) {
  constexpr std::size_t kLongest = 20;  // characters of a number with its separators
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
