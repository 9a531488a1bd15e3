// Copies arrays that a caller may change or free as soon as its call has returned.
#pragma once

#include <cstddef>
#include <cstdint>

#include "native/engine/memory.h"

namespace neurode::addon {

// If the copy is large, a second thread copies half of it. Returns when all is copied.
void copy_bytes(void* to, const void* from, std::size_t size);

template <class T>
Uninitialized<T> copy_of(const T* elements, std::int64_t count) {
  Uninitialized<T> copy(count);
  copy_bytes(copy.data(), elements, static_cast<std::size_t>(count) * sizeof(T));
  return copy;
}

}  // namespace neurode::addon
