// Subnormal floats count as zero on threads that compute: an operation on one costs a hundred
// times as much as on another float.
#pragma once

#include <cstdint>

namespace neurode {

// For the thread that makes it, as long as it lives.
class FlushSubnormals {
 public:
  FlushSubnormals();
  ~FlushSubnormals();
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  std::uint64_t saved_;  // the thread's register of floating-point settings
};

}  // namespace neurode
