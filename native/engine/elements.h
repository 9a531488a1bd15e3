// Elements of typed arrays, and their values as float32.
#pragma once

#include <cstdint>

namespace neurode {

enum class ElementType { uint8, int8, uint16, int16, uint32, int32, float32, float64 };

// Bytes of one element.
int size_of(ElementType type);

struct Elements {
  const void* data = nullptr;
  ElementType type = ElementType::float32;
  std::int64_t count = 0;

  std::int64_t bytes() const { return count * size_of(type); }
};

// Computes out[i] = element * scale + offset in double precision and rounds once to float32. With
// scale 1 and offset 0, out[i] is the rounded element itself. Returns the first i whose value is
// finite but too large for float32, or -1.
std::int64_t convert_to_floats(const Elements& elements, double scale, double offset, float* out);

// How many of the floats are NaN or infinite.
std::int64_t count_non_finite(const float* values, std::int64_t count);

}  // namespace neurode
