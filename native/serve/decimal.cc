// JSON numbers to float32 and back: correctly rounded one way, shortest that reads back the same
// the other.
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

// The next decimal of as many digits, farther from 0. Nothing but nines stays as it is.
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
    // At a power of two the decimals that read back reach farther up than down.
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
