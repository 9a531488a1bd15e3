// Makes threads that compute treat subnormal floats as zero: an operation on a subnormal takes
// about a hundred times as long as on a normal float.
#pragma once

#include <cstdint>

namespace neurode {

// Subnormals are zero on the thread that creates this object, until the object is destroyed.
class FlushSubnormals {
 public:
  FlushSubnormals();
  ~FlushSubnormals();
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  std::uint64_t saved_;  // the control register of the thread before
};

}  // namespace neurode
