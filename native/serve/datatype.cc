// Converts elements of binary tensors, of any type and at any address, to floats.
#include "native/serve/datatype.h"

#include <bit>
#include <cstddef>
#include <cstring>

namespace neurode::serve {
namespace {

template <class T, class Convert>
void convert_each(const char* bytes, std::int64_t count, float* values, Convert convert) {
  for (std::int64_t i = 0; i < count; ++i) {
    T element;
    std::memcpy(&element, bytes + i * sizeof(T), sizeof(T));
    if constexpr (std::endian::native == std::endian::big && sizeof(T) > 1) {
      char swapped[sizeof(T)];
      for (std::size_t b = 0; b < sizeof(T); ++b) swapped[b] = bytes[(i + 1) * sizeof(T) - 1 - b];
      std::memcpy(&element, swapped, sizeof(T));
    }
    values[i] = convert(element);
  }
}

float half_to_float(std::uint16_t bits) {
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000) << 16;
  const std::uint32_t exponent = bits >> 10 & 31, mantissa = bits & 1023;
  if (exponent == 31) return std::bit_cast<float>(sign | 0x7f800000 | mantissa << 13);
  if (exponent > 0) return std::bit_cast<float>(sign | (exponent + 112) << 23 | mantissa << 13);
  const float small = static_cast<float>(mantissa) * 0x1p-24f;
  return sign != 0 ? -small : small;
}

}  // namespace

std::int64_t bytes_of(Datatype datatype) { return kDatatypes[static_cast<int>(datatype)].bytes; }

void convert(Datatype datatype, const char* bytes, std::int64_t count, float* values) {
  const auto plain = [](auto element) { return static_cast<float>(element); };
  switch (datatype) {
    case Datatype::fp32:
      if constexpr (std::endian::native == std::endian::little) {
        std::memcpy(values, bytes, static_cast<std::size_t>(count) * sizeof(float));
        return;
      }
      return convert_each<float>(bytes, count, values, plain);
    case Datatype::fp64:
      return convert_each<double>(bytes, count, values, plain);
    case Datatype::fp16:
      return convert_each<std::uint16_t>(bytes, count, values, half_to_float);
    case Datatype::bf16:
      return convert_each<std::uint16_t>(bytes, count, values, [](std::uint16_t bits) {
        return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16);
      });
    case Datatype::uint8:
      return convert_each<std::uint8_t>(bytes, count, values, plain);
    case Datatype::uint16:
      return convert_each<std::uint16_t>(bytes, count, values, plain);
    case Datatype::uint32:
      return convert_each<std::uint32_t>(bytes, count, values, plain);
    case Datatype::uint64:
      return convert_each<std::uint64_t>(bytes, count, values, plain);
    case Datatype::int8:
      return convert_each<std::int8_t>(bytes, count, values, plain);
    case Datatype::int16:
      return convert_each<std::int16_t>(bytes, count, values, plain);
    case Datatype::int32:
      return convert_each<std::int32_t>(bytes, count, values, plain);
    case Datatype::int64:
      return convert_each<std::int64_t>(bytes, count, values, plain);
  }
}

}  // namespace neurode::serve
