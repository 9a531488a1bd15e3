// The order in which the threads of a block run. It changes each time, and depends only on the
// seed.
#pragma once

#include <cstdint>
#include <numeric>

namespace neurode::emulator {

// splitmix64
struct Random {
  std::uint64_t state = 0;
  std::uint64_t next() {
    std::uint64_t z = state += 0x9e3779b97f4a7c15ull;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
    return z ^ (z >> 31);
  }
  std::uint64_t below(std::uint64_t n) { return next() % n; }
};

// Gives all of 0 .. size - 1 once, in a random order that costs one addition per number: start,
// start + stride, ... modulo size.
struct Order {
  std::uint64_t size = 0, left = 0, value = 0, stride = 0;

  void begin(std::uint64_t n, Random& random) {
    size = left = n;
    value = random.below(n);
    stride = 1 + random.below(n);
    while (std::gcd(stride, n) != 1) stride = stride == n ? 1 : stride + 1;
  }
  std::uint64_t next() {
    --left;
    const std::uint64_t result = value;
    value += stride;
    if (value >= size) value -= size;
    return result;
  }
};

}  // namespace neurode::emulator
