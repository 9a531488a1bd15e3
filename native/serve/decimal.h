// JSON numbers to float32 and back: correctly rounded one way, shortest that reads back the same
// the other.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>

namespace neurode::serve {

enum class DecimalError { none, syntax, range };

// A number, and where it ends; with wrong syntax, where that shows.
struct Decimal {
  float value;
  const char* end;
  DecimalError error;
};

// Appends numbers with commas between; `null` for what JSON has no number for. `rows` > 0 puts each
// of `rows` equal parts into brackets.
void append_numbers(const float* values, std::size_t count, std::size_t rows, std::string& text);

// The nearest float of a number that is written as JSON has them. Too small is zero.
DecimalError round_exactly(const char* text, const char* end, float& value);

constexpr int kMostDigits = 19;  // that fit 64 bits
constexpr int kMostPower = 22;   // of ten that a double holds exactly

constexpr double kPowers[kMostPower + 1] = {1e0,  1e1,  1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                            1e8,  1e9,  1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
                                            1e16, 1e17, 1e18, 1e19, 1e20, 1e21, 1e22};
constexpr double kInversePowers[kMostPower + 1] = {
    1e-0,  1e-1,  1e-2,  1e-3,  1e-4,  1e-5,  1e-6,  1e-7,  1e-8,  1e-9,  1e-10, 1e-11,
    1e-12, 1e-13, 1e-14, 1e-15, 1e-16, 1e-17, 1e-18, 1e-19, 1e-20, 1e-21, 1e-22};
constexpr std::uint64_t kSmallPowers[9] = {1,      10,      100,      1000,     10000,
                                           100000, 1000000, 10000000, 100000000};

inline bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Digits from `text` on, added to `value`, which may overflow; how many there are.
inline int read_digits(const char* text, std::uint64_t& value) {
  const char* p = text;
  if constexpr (std::endian::native == std::endian::little) {
    for (;;) {
      std::uint64_t bytes;
      std::memcpy(&bytes, p, sizeof bytes);
      bytes ^= 0x3030303030303030;
      // The high bit of every byte that is no digit; a carry only disturbs bytes after the first.
      const std::uint64_t others = ((bytes + 0x7676767676767676) | bytes) & 0x8080808080808080;
      const int count = others == 0 ? 8 : std::countr_zero(others) / 8;
      if (count == 0) break;
      bytes <<= 64 - 8 * count;
      // Pairs, then fours, then eight digits.
      bytes = bytes * 10 + (bytes >> 8);
      bytes = ((bytes & 0x000000ff000000ff) * 0x000f424000000064 +
               ((bytes >> 16) & 0x000000ff000000ff) * 0x0000271000000001) >>
              32;
      value = value * kSmallPowers[count] + (bytes & 0xffffffff);
      p += count;
      if (count < 8) break;
    }
  } else {
    for (; is_digit(*p); ++p) value = value * 10 + static_cast<std::uint64_t>(*p - '0');
  }
  return static_cast<int>(p - text);
}

// Reads one number as JSON has them. Eight bytes past its end must be readable. Too small is zero,
// too large an error.
inline Decimal read_decimal(const char* const text) {
  const bool negative = *text == '-';
  const char* p = text + negative;
  if (!is_digit(*p)) return {0, p, DecimalError::syntax};
  std::uint64_t digits = 0;
  const int before_point = read_digits(p, digits);
  if (*p == '0' && before_point > 1) return {0, p + 1, DecimalError::syntax};
  p += before_point;
  int count = digits == 0 ? 0 : before_point;
  int power = 0;
  if (*p == '.') {
    ++p;
    const int after_point = read_digits(p, digits);
    if (after_point == 0) return {0, p, DecimalError::syntax};
    p += after_point;
    count += after_point;
    power = -after_point;
  }
  if ((*p | 0x20) == 'e') {
    ++p;
    const bool down = *p == '-';
    if (*p == '-' || *p == '+') ++p;
    if (!is_digit(*p)) return {0, p, DecimalError::syntax};
    int exponent = 0;
    for (; is_digit(*p); ++p) {
      if (exponent < 1'000'000) exponent = exponent * 10 + (*p - '0');
    }
    power += down ? -exponent : exponent;
  }

  if (count <= kMostDigits) {
    if (digits == 0) return {negative ? -0.0f : 0.0f, p, DecimalError::none};
    if (power >= -kMostPower && power <= kMostPower) {
      // At most three roundings: within 3 units of the double's last place. Unless a boundary
      // between two floats is that near, the double rounds to the right one.
      const double value =
          static_cast<double>(digits) * (power < 0 ? kInversePowers[-power] : kPowers[power]);
      const auto low = static_cast<std::int64_t>(std::bit_cast<std::uint64_t>(value) & 0x1fffffff);
      const std::int64_t distance = low - 0x10000000;
      if ((distance > 8 || distance < -8) && value >= 2e-38 && value <= 3.4e38) {
        const auto rounded = static_cast<float>(value);
        return {negative ? -rounded : rounded, p, DecimalError::none};
      }
    }
  }
  float value = 0;
  const DecimalError error = round_exactly(text, p, value);
  return {value, p, error};
}

}  // namespace neurode::serve
