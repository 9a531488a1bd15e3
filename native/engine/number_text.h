// Formats numbers for error messages.
#pragma once

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

namespace neurode {

// Writes a number as a person would: 100000, 0.1, -2.5. The text has the fewest digits that read
// back as the same Number.
template <class Number>
std::string number_text(Number value) {
  char text[40];
  const double number = value;
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number > 0 ? "Infinity" : "-Infinity";
  if (number == std::trunc(number) && std::fabs(number) < 1e15) {
    std::snprintf(text, sizeof text, "%.0f", number + 0.0);
    return text;
  }
  for (int digits = 1; digits <= 17; ++digits) {
    std::snprintf(text, sizeof text, "%.*g", digits, number);
    if (static_cast<Number>(std::strtod(text, nullptr)) == value) break;
  }
  return text;
}

}  // namespace neurode
