// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) on U = uint32
// or a vector of it.
//
// A number is a function of (seed, purpose, counter), whatever the order of drawing. The key is the
// seed, below 2^56, with the purpose in its upper byte. The counters, with words of a block i % 4:
// - initial weights: (low, high of i / 4, 0, 0) for element i
// - shuffle: (low, high of the draw, low, high of the epoch)
// - dropout: (i / 4, row of the batch, low, high of the step) for feature i
#pragma once

#include <cstdint>

#include "native/ops/math.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

enum class Purpose : std::uint32_t { initial_weights = 1, shuffle = 2, dropout = 3 };

struct PhiloxKey {
  std::uint32_t low, high;
};

NEURODE_FN PhiloxKey philox_key(std::uint64_t seed, Purpose purpose) {
  return {static_cast<std::uint32_t>(seed),
          static_cast<std::uint32_t>(seed >> 32) ^ (static_cast<std::uint32_t>(purpose) << 24)};
}

template <class U>
struct PhiloxBlock {
  U words[4];
};

// The upper half of the 64-bit product.
template <class U>
NEURODE_FN U multiply_high(U a, std::uint32_t b) {
#ifdef __CUDACC__
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(a) * b) >> 32);
#else
  if constexpr (sizeof(U) == sizeof(std::uint32_t)) {
    return static_cast<std::uint32_t>((static_cast<std::uint64_t>(a) * b) >> 32);
  } else {
    typedef std::uint64_t Wide __attribute__((vector_size(sizeof(U))));
    const std::uint64_t low_half = 0xffffffffu;
    const Wide pairs = __builtin_bit_cast(Wide, a);
    const Wide even = (pairs & low_half) * std::uint64_t{b};
    const Wide odd = (pairs >> 32) * std::uint64_t{b};
    return __builtin_bit_cast(U, (even >> 32) | (odd & ~low_half));
  }
#endif
}

template <class U>
NEURODE_FN PhiloxBlock<U> philox(U c0, U c1, U c2, U c3, PhiloxKey key) {
  for (int round = 0; round < 10; ++round) {
    const U high0 = multiply_high(c0, 0xD2511F53u);
    const U low0 = c0 * 0xD2511F53u;
    const U high1 = multiply_high(c2, 0xCD9E8D57u);
    const U low1 = c2 * 0xCD9E8D57u;
    c0 = high1 ^ c1 ^ key.low;
    c1 = low1;
    c2 = high0 ^ c3 ^ key.high;
    c3 = low0;
    key.low += 0x9E3779B9u;
    key.high += 0xBB67AE85u;
  }
  return {{c0, c1, c2, c3}};
}

// [0, 1) in steps of 2^-24.
template <class T>
NEURODE_FN T uniform01(UintOf<T> word) {
  return to_float<T>(__builtin_bit_cast(IntOf<T>, UintOf<T>(word >> 8))) * 5.9604644775390625e-8f;
}

// [0, bound) from 64 random bits: floor(word * bound / 2^64).
NEURODE_FN std::uint32_t bounded(std::uint32_t high, std::uint32_t low, std::uint32_t bound) {
  const std::uint64_t carry = (static_cast<std::uint64_t>(low) * bound) >> 32;
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(high) * bound + carry) >> 32);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
