// Converts JSON numbers to float32, correctly rounded, and float32 to the shortest JSON number that
// reads back as the same float32.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <system_error>

#include "third_party/fast_float/fast_float.h"

namespace neurode::serve {

enum class DecimalError { none, syntax, range };

// A number and the position of its end. In case of a syntax error, `end` is the position of the
// error.
struct Decimal {
  float value;
  const char* end;
  DecimalError error;
};

// Writes the same text as std::to_chars, but slowly. It is for standard libraries that cannot write
// the shortest decimal of a float. The text has at most 15 characters.
char* write_shortest(char* to, float value);

// Appends numbers, separated by commas. Infinities and NaN become `null`, because JSON has no such
// numbers. If `rows` > 0, the numbers form `rows` equal parts, each in brackets.
void append_numbers(const float* values, std::size_t count, std::size_t rows, std::string& text);

// The position at which the text is no longer a JSON number.
const char* syntax_error(const char* text, const char* end);

// Reads the JSON number at the beginning of `text` and returns the nearest float. Numbers too small
// for float32 become 0; numbers too large are errors.
inline Decimal read_decimal(const char* text, const char* end) {
  float value = 0;
  const auto [number_end, error] =
      fast_float::from_chars(text, end, value, fast_float::chars_format::json);
  if (error == std::errc{}) return {value, number_end, DecimalError::none};
  if (error != std::errc::result_out_of_range)
    return {0, syntax_error(text, end), DecimalError::syntax};
  return {value, number_end, std::isinf(value) ? DecimalError::range : DecimalError::none};
}

}  // namespace neurode::serve
