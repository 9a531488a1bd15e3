// Aligned arrays in CPU memory. On Linux, large arrays ask for huge pages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>

#if defined(__linux__)
#include <sys/mman.h>
#endif

#include "native/engine/error.h"

namespace neurode {

// An array whose elements are not initialized.
template <class T>
class Uninitialized {
 public:
  Uninitialized() = default;
  explicit Uninitialized(std::int64_t count) : size_(count) {
    if (count == 0) return;
    const std::size_t bytes = static_cast<std::size_t>(count) * sizeof(T);
    // Arrays of 4 MiB or more are whole huge pages of 2 MiB.
    const std::size_t alignment = bytes >= (std::size_t{4} << 20) ? std::size_t{2} << 20 : 64;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
#if defined(_WIN32)
    data_.reset(static_cast<T*>(_aligned_malloc(rounded, alignment)));
#else
    data_.reset(static_cast<T*>(std::aligned_alloc(alignment, rounded)));
#endif
    if (!data_)
      throw Error("ERR_OUT_OF_MEMORY",
                  "the CPU has no " + std::to_string(bytes) + " bytes of free memory");
#if defined(__linux__)
    if (alignment > 64) madvise(data_.get(), rounded, MADV_HUGEPAGE);
#endif
  }

  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }
  std::int64_t size() const { return size_; }

 private:
  struct Free {
    void operator()(T* p) const {
#if defined(_WIN32)
      _aligned_free(p);
#else
      std::free(p);
#endif
    }
  };

  std::unique_ptr<T, Free> data_;
  std::int64_t size_ = 0;
};

// An array of floats, initialized to zero.
class Floats : public Uninitialized<float> {
 public:
  Floats() = default;
  explicit Floats(std::int64_t count) : Uninitialized(count) {
    if (count > 0) std::memset(data(), 0, static_cast<std::size_t>(count) * sizeof(float));
  }
};

}  // namespace neurode
