// The vectors with which functors are tested, and the tolerances of the results.
#pragma once

#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <vector>

#include "native/ops/config.h"

namespace neurode {

namespace NEURODE_ISA_NAMESPACE::ops {}
namespace ops = NEURODE_ISA_NAMESPACE::ops;
using Floats = std::vector<float>;

constexpr int kLanes = 16;
typedef float Vec __attribute__((vector_size(4 * kLanes)));
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr double kMinNormal = std::numeric_limits<float>::min();
constexpr double kMax = std::numeric_limits<float>::max();

inline std::mt19937& generator() {
  static std::mt19937 instance(20261121);
  return instance;
}
inline float random_in(float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(generator());
}

inline bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

inline bool near(double got, double expected, double relative, double absolute = 0) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::fabs(expected) > kMax * (1 - 1e-6)) {
    return std::fabs(got) >= kMax * (1 - 1e-5) && std::signbit(got) == std::signbit(expected);
  }
  return std::fabs(got - expected) <= relative * std::fabs(expected) + absolute + kMinNormal;
}

}  // namespace neurode
