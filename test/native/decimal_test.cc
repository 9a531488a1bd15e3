// Converts JSON numbers to float32 and compares them with the C library; converts float32 to text
// and compares it with the standard library.
#include "native/serve/decimal.h"

#include <bit>
#include <charconv>
#include <cinttypes>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>
#include <version>

#include "test/native/check.h"

namespace neurode::serve {
namespace {

Decimal read(const std::string& text) {
  return read_decimal(text.data(), text.data() + text.size());
}

bool same(float a, float b) {
  return std::bit_cast<std::uint32_t>(a) == std::bit_cast<std::uint32_t>(b);
}

void check_decimal(const std::string& written) {
  const float expected = std::strtof(written.c_str(), nullptr);
  const Decimal got = read(written);
  const bool is_too_large = std::isinf(expected);
  CHECK_THAT(got.error == (is_too_large ? DecimalError::range : DecimalError::none), "%s: error %d",
             written.c_str(), static_cast<int>(got.error));
  CHECK_THAT(got.end == written.data() + written.size(), "%s: not read to its end",
             written.c_str());
  if (!is_too_large)
    CHECK_THAT(same(got.value, expected), "%s: got %.9g, expected %.9g", written.c_str(), got.value,
               expected);
}

TEST_CASE("decimals are read to the nearest float") {
  for (const char* text : {"0",
                           "-0",
                           "0.0",
                           "1",
                           "-1",
                           "0.1",
                           "123456789",
                           "12345678901234567890",
                           "18446744073709551616",
                           "-18446744073709551616",
                           "18446744073709551616.5",
                           "36893488147419103232",
                           "170141183460469231731687303715884105728",
                           "1e10",
                           "1E+10",
                           "1e-10",
                           "0.000000000000000000000000000000000000000000001",
                           "1e-45",
                           "7e-46",
                           "1e-400",
                           "-1e-400",
                           "0e999999999999",
                           "3.4028234663852886e38",
                           "3.4028235677973366e38",
                           "3.4028235677973367e38",
                           "1e39",
                           "1e400",
                           "-1e400",
                           "16777217",
                           "16777219",
                           "16777217.0000000000000000000000000000000001",
                           "0.1000000000000000055511151231257827",
                           "1.17549435e-38",
                           "1.1754943508222875e-38",
                           "1.40129846432481707e-45",
                           "0.00000000000000000000000000000000000000000000070064923216240854",
                           "0.00000000000000000000000000000000000000000000070064923216240853",
                           "9007199254740993",
                           "99999999999999999999999999999999999999",
                           "8589934592.5",
                           "1.00000005960464477539",
                           "1.000000059604644775390625",
                           "1.0000000596046447753906251"}) {
    check_decimal(text);
  }
  std::mt19937_64 random(1);
  char text[64];
  for (int i = 0; i < 300'000; ++i) {
    // A random float: with nine digits, as the nearest double, and as the value halfway to the next
    // float.
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    std::snprintf(text, sizeof text, "%.9g", value);
    check_decimal(text);
    std::snprintf(text, sizeof text, "%.17g", static_cast<double>(value));
    check_decimal(text);
    const float next = std::nextafter(value, std::numeric_limits<float>::infinity());
    const double middle = (static_cast<double>(value) + static_cast<double>(next)) / 2;
    std::snprintf(text, sizeof text, "%.*g", 10 + static_cast<int>(random() % 12), middle);
    check_decimal(text);
    // Short numbers, as people write them, and long numbers.
    std::snprintf(text, sizeof text, "%s%" PRIu64 ".%0*" PRIu64, random() % 2 ? "-" : "",
                  static_cast<std::uint64_t>(random() % 1000), 1 + static_cast<int>(random() % 12),
                  static_cast<std::uint64_t>(random() % 1000000000000));
    check_decimal(text);
    std::snprintf(text, sizeof text, "0.%019" PRIu64 "%06d",
                  static_cast<std::uint64_t>(random()) >> 1, static_cast<int>(random() % 1000000));
    check_decimal(text);
    std::snprintf(text, sizeof text, "%" PRIu64 "e%d", static_cast<std::uint64_t>(random()) >> 1,
                  static_cast<int>(random() % 80) - 60);
    check_decimal(text);
  }
  for (const char* wrong : {"", "-", "+1", "01", "-01", "00", ".5", "1.", "1.e5", "--1", "NaN",
                            "Infinity", "-Infinity", "a"}) {
    CHECK_THAT(read(wrong).error == DecimalError::syntax, "'%s' is no number", wrong);
  }
  // The number ends before the letter, because the grammar does not allow a letter there.
  for (const std::string letter : {"1e", "1e+", "1E-"})
    CHECK_THAT(read(letter).end == letter.data() + 1, "'%s' goes on", letter.c_str());
}

TEST_CASE("numbers are written as short as they can be") {
  const auto text_of = [](std::vector<float> values, std::size_t rows) {
    std::string text;
    append_numbers(values.data(), values.size(), rows, text);
    return text;
  };
  CHECK(text_of({0.1f, -2, 1e-7f, 3e38f}, 0) == "0.1,-2,1e-07,3e+38");
  CHECK(text_of({1, 2, 3, 4}, 2) == "[1,2],[3,4]");
  CHECK(text_of({1, 2}, 2) == "[1],[2]");
  CHECK(text_of({NAN, INFINITY, -INFINITY}, 1) == "[null,null,null]");
  std::mt19937 random(2);
  for (int i = 0; i < 200'000; ++i) {
    const float value = std::bit_cast<float>(static_cast<std::uint32_t>(random()));
    if (!std::isfinite(value)) continue;
    const std::string written = text_of({value}, 0);
    CHECK_THAT(same(std::strtof(written.c_str(), nullptr), value), "%s is not %.9g",
               written.c_str(), value);
    CHECK_THAT(written.size() <= 15, "%s is long", written.c_str());
  }
}

#if defined(__cpp_lib_to_chars)
TEST_CASE("numbers have the same digits where the standard library cannot write them") {
  const auto check_digits = [](std::uint32_t bits) {
    const float value = std::bit_cast<float>(bits);
    if (!std::isfinite(value)) return;
    char own[32], standard[32];
    const std::string text(own, write_shortest(own, value));
    const std::string expected(standard,
                               std::to_chars(standard, standard + sizeof standard, value).ptr);
    CHECK(text == expected);
  };
  for (std::uint32_t exponent = 0; exponent < 255; ++exponent) {
    for (const std::uint32_t mantissa : {0u, 1u, 0x7fffffu})
      check_digits(exponent << 23 | mantissa);
  }
  for (int i = -2000; i <= 2000; ++i) {
    check_digits(std::bit_cast<std::uint32_t>(static_cast<float>(i) / 100));
    check_digits(std::bit_cast<std::uint32_t>(static_cast<float>(i) * 1000));
  }
  std::mt19937 random(5);
  for (int i = 0; i < 20'000; ++i) check_digits(static_cast<std::uint32_t>(random()));
}
#endif

}  // namespace
}  // namespace neurode::serve
