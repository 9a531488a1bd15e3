// Converts elements to float32. This file is compiled with -ffp-contract=off, because a fused
// multiply-add would round differently from JavaScript.
#include "native/engine/elements.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <type_traits>

namespace neurode {
namespace {

bool any_infinite(const float* values, std::int64_t count) {
  int found = 0;
  for (std::int64_t i = 0; i < count; ++i)
    found |= std::fabs(values[i]) == std::numeric_limits<float>::infinity();
  return found != 0;
}

template <class T>
std::int64_t convert(const void* data, std::int64_t count, double scale, double offset,
                     float* out) {
  // The loop checks each piece for overflow while the piece is still in the cache.
  constexpr std::int64_t kPiece = 4096;
  const T* const elements = static_cast<const T*>(data);
  const bool is_plain = scale == 1 && offset == 0;
  const auto value = [&](std::int64_t i) {
    const double element = static_cast<double>(elements[i]);
    return is_plain ? element : element * scale + offset;
  };
  std::int64_t too_large = -1;
  for (std::int64_t first = 0; first < count; first += kPiece) {
    const std::int64_t end = std::min(first + kPiece, count);
    if (is_plain) {
      for (std::int64_t i = first; i < end; ++i) out[i] = static_cast<float>(elements[i]);
      if (!std::is_same_v<T, double>) continue;
    } else {
      for (std::int64_t i = first; i < end; ++i)
        out[i] = static_cast<float>(static_cast<double>(elements[i]) * scale + offset);
    }
    if (too_large >= 0 || !any_infinite(out + first, end - first)) continue;
    for (std::int64_t i = first; i < end && too_large < 0; ++i)
      if (std::isinf(out[i]) && std::isfinite(value(i))) too_large = i;
  }
  return too_large;
}

struct Row {
  int size;
  std::int64_t (*convert)(const void*, std::int64_t, double, double, float*);
};

template <class T>
constexpr Row kRow{sizeof(T), convert<T>};

// In the order of ElementType.
constexpr Row kRows[] = {kRow<std::uint8_t>, kRow<std::int8_t>,   kRow<std::uint16_t>,
                         kRow<std::int16_t>, kRow<std::uint32_t>, kRow<std::int32_t>,
                         kRow<float>,        kRow<double>};

const Row& row_of(ElementType type) { return kRows[static_cast<int>(type)]; }

}  // namespace

int size_of(ElementType type) { return row_of(type).size; }

std::int64_t convert_to_floats(const Elements& elements, double scale, double offset, float* out) {
  return row_of(elements.type).convert(elements.data, elements.count, scale, offset, out);
}

std::int64_t count_non_finite(const float* values, std::int64_t count) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  constexpr std::int64_t kBlock = 1 << 20;  // a block's count fits into 32 bits, as vectors want
  std::int64_t found = 0;
  for (std::int64_t begin = 0; begin < count; begin += kBlock) {
    std::uint32_t own = 0;
    for (std::int64_t i = begin; i < std::min(count, begin + kBlock); ++i) {
      std::uint32_t bits;
      std::memcpy(&bits, values + i, sizeof bits);
      own += (bits & kExponent) == kExponent ? 1 : 0;
    }
    found += own;
  }
  return found;
}

}  // namespace neurode
