// JSON numbers to float32 and back: correctly rounded one way, shortest that reads back the same
// the other.
#pragma once

#include <cmath>
#include <cstddef>
#include <string>
#include <system_error>

#include "third_party/fast_float/fast_float.h"

namespace neurode::serve {

enum class DecimalError { none, syntax, range };

// A number, and where it ends; with wrong syntax, where that shows.
struct Decimal {
  float value;
  const char* end;
  DecimalError error;
};

// What std::to_chars writes, digit for digit, and slowly: for standard libraries that cannot write
// the shortest decimal of a float. At most 15 characters.
char* write_shortest(char* to, float value);

// Appends numbers with commas between; `null` for what JSON has no number for. `rows` > 0 puts each
// of `rows` equal parts into brackets.
void append_numbers(const float* values, std::size_t count, std::size_t rows, std::string& text);

// Where the text stops to be a number as JSON has them.
const char* syntax_error(const char* text, const char* end);

// The float nearest to the number that `text` begins with, as JSON has them. Too small is zero, too
// large an error.
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
