// First values of parameters: reproducible from the seed, whatever the machine's number of threads.
#pragma once

#include <cstdint>

namespace neurode {

struct Initializer {
  enum class Kind { constant, uniform, normal, truncated_normal, orthogonal };
  Kind kind = Kind::constant;
  // constant: value; uniform: low, high; normal, truncated_normal: mean, standard deviation (before
  // truncation at two of them); orthogonal: gain.
  float params[2] = {0.0f, 0.0f};
  std::uint64_t seed = 0;
};

// out is (rows, cols), row-major.
void initialize(const Initializer& initializer, int rows, int cols, float* out);

}  // namespace neurode
