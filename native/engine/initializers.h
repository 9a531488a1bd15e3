// First values of parameters: reproducible from the seed, whatever the machine's number of threads.
#pragma once

#include <cstdint>

namespace neurode {

struct Initializer {
  enum class Kind { constant, uniform, normal, truncated_normal, orthogonal };
  Kind kind = Kind::constant;
  std::uint64_t seed = 0;
  float value = 0;                // of constant ones
  float low = 0, high = 0;        // of uniform ones
  float mean = 0, deviation = 0;  // of normal ones; truncated ones end at two deviations
  float gain = 0;                 // of orthogonal ones
};

// out is (rows, cols), row-major.
void initialize(const Initializer& initializer, int rows, int cols, float* out);

}  // namespace neurode
