// Reads decimals, and compares them with the C library and the grammar of JSON's numbers.
#include <bit>
#include <cmath>
#include <cstring>
#include <memory>
#include <string>

#include "native/serve/decimal.h"
#include "test/fuzz/fuzz.h"

namespace neurode::serve {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// The end of the number at the beginning of the text; null if no number is there.
const char* number_end(const char* p, const char* end) {
  const auto digits = [&] {
    const char* const begin = p;
    while (p < end && is_digit(*p)) ++p;
    return p > begin;
  };
  if (p < end && *p == '-') ++p;
  if (p < end && *p == '0') {
    ++p;
    if (p < end && is_digit(*p)) return nullptr;
  } else if (!digits()) {
    return nullptr;
  }
  if (p < end && *p == '.') {
    ++p;
    if (!digits()) return nullptr;
  }
  if (p < end && (*p == 'e' || *p == 'E')) {
    const char* const before = p++;
    if (p < end && (*p == '+' || *p == '-')) ++p;
    if (!digits()) return before;
  }
  return p;
}

void check(const char* text, const char* end) {
  const Decimal got = read_decimal(text, end);
  const char* const expected_end = number_end(text, end);
  if (expected_end == nullptr) {
    MUST(got.error == DecimalError::syntax);
    MUST(got.end >= text && got.end <= end);
    return;
  }
  MUST(got.end == expected_end);
  const float expected = std::strtof(std::string(text, expected_end).c_str(), nullptr);
  MUST(got.error == (std::isinf(expected) ? DecimalError::range : DecimalError::none));
  if (got.error != DecimalError::none) return;
  MUST(std::bit_cast<std::uint32_t>(got.value) == std::bit_cast<std::uint32_t>(expected));
  std::string written;
  append_numbers(&got.value, 1, 0, written);
  const Decimal again = read_decimal(written.data(), written.data() + written.size());
  MUST(again.end == written.data() + written.size());
  MUST(std::bit_cast<std::uint32_t>(again.value) == std::bit_cast<std::uint32_t>(got.value));
}

}  // namespace
}  // namespace neurode::serve

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The memory has exactly `size` bytes, so that the sanitizer finds any read after its end.
  const auto text = std::make_unique<char[]>(size);
  std::memcpy(text.get(), data, size);
  neurode::serve::check(text.get(), text.get() + size);
  return 0;
}
