// Lays out several arrays in one allocation.
#pragma once

#include <cstdint>

namespace neurode::cuda {

// Offsets are in bytes. Each is a multiple of the pointer alignment that libraries and vector loads
// expect.
class Arena {
 public:
  template <class T>
  std::int64_t place(std::int64_t count) {
    const std::int64_t begin = (bytes_ + kAlignment - 1) / kAlignment * kAlignment;
    bytes_ = begin + count * static_cast<std::int64_t>(sizeof(T));
    return begin;
  }
  std::int64_t bytes() const { return bytes_; }

 private:
  static constexpr std::int64_t kAlignment = 256;
  std::int64_t bytes_ = 0;
};

}  // namespace neurode::cuda
