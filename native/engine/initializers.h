// Initial values of parameters. Equal seeds give equal values, whatever the number of threads.
#pragma once

#include <cstdint>

namespace neurode {

struct Initializer {
  enum class Kind { constant, uniform, normal, truncated_normal, orthogonal };
  Kind kind = Kind::constant;
  std::uint64_t seed = 0;
  float value = 0;                // constant
  float low = 0, high = 0;        // uniform
  float mean = 0, deviation = 0;  // normal; truncated_normal, cut off at two deviations
  float gain = 0;                 // orthogonal
};

// `out` is (rows, cols), row-major.
void initialize(const Initializer& initializer, int rows, int cols, float* out);

}  // namespace neurode
