// Compiled without contraction: a fused product would round otherwise than JavaScript does.
#include "native/engine/elements.h"

namespace neurode {
namespace {

template <class T>
void convert(const void* data, std::int64_t count, double scale, double offset, float* out) {
  const T* const elements = static_cast<const T*>(data);
  if (scale == 1 && offset == 0) {
    for (std::int64_t i = 0; i < count; ++i) out[i] = static_cast<float>(elements[i]);
  } else {
    for (std::int64_t i = 0; i < count; ++i)
      out[i] = static_cast<float>(static_cast<double>(elements[i]) * scale + offset);
  }
}

struct Row {
  int size;
  void (*convert)(const void*, std::int64_t, double, double, float*);
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

void convert_to_floats(const Elements& elements, double scale, double offset, float* out) {
  row_of(elements.type).convert(elements.data, elements.count, scale, offset, out);
}

}  // namespace neurode
