// Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011) on U, which is
// uint32 or a vector of uint32.
//
// A random number is a function of (seed, purpose, counter), and does not depend on the order of
// drawing. The key is the seed, below 2^56, with the purpose in its upper byte. Element or feature
// i uses word i % 4 of its block. The counters are:
// - initial weights: (low, high of i / 4, 0, 0) for element i
// - shuffle: (low, high of the draw, low, high of the epoch)
// - noise: (i / 4, row of the batch, low, high of the step) for feature i
#pragma once

#include <cstdint>

#include "native/ops/math.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

enum class Purpose : std::uint32_t { initial_weights = 1, shuffle = 2, noise = 3 };

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

// The upper 32 bits of the 64-bit product.
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

// Uniform in [0, 1), in steps of 2^-24.
template <class T>
NEURODE_FN T uniform01(UintOf<T> word) {
  return to_float<T>(__builtin_bit_cast(IntOf<T>, UintOf<T>(word >> 8))) * 5.9604644775390625e-8f;
}

// The negated quantile of the normal distribution for the probability v in (0, 1/2]: with x = 1 - 2
// v, x P(-log(1 - x^2)), where P is a polynomial fitted to 1e-7.
template <class T>
NEURODE_FN T normal_quantile(T v) {
  const T w = max(-log(v * 4.0f * (1.0f - v)), T{});
  const T central = polynomial(w - 2.5f, 2.12331367f, 0.348802686f, -0.00590815861f,
                               -0.00177303189f, 0.000309135707f, -6.20955825e-06f, -4.98565169e-06f,
                               4.85197404e-07f, 3.98661868e-08f);
  const T tail = polynomial(sqrt(w) - 3.45f, 4.64586878f, 1.42415059f, 0.00511141354f,
                            -0.00327383354f, 0.00172917161f, -0.00109854608f, 0.000881938788f,
                            -0.000445992628f, -3.31228694e-06f, 5.70154771e-05f);
  return (1.0f - v * 2.0f) * select<T>(w < 5.0f, central, tail);
}

// The lower 31 bits of a word as a probability in (0, 1/2]. The upper bit is used as a sign.
template <class T>
NEURODE_FN T half_probability(UintOf<T> word) {
  const IntOf<T> magnitude = __builtin_bit_cast(IntOf<T>, UintOf<T>(word & 0x7fffffffu));
  return (to_float<T>(magnitude) + 0.5f) * 2.3283064365386963e-10f;
}

template <class T>
NEURODE_FN T with_sign(T magnitude, UintOf<T> word) {
  return from_bits<T>(bits(magnitude) ^ (word & 0x80000000u));
}

// Normally distributed with mean 0 and standard deviation 1.
template <class T>
NEURODE_FN T standard_normal(UintOf<T> word) {
  return with_sign<T>(normal_quantile<T>(half_probability<T>(word)), word);
}

// An integer in [0, bound) from 64 random bits: floor(word * bound / 2^64).
NEURODE_FN std::uint32_t bounded(std::uint32_t high, std::uint32_t low, std::uint32_t bound) {
  const std::uint64_t carry = (static_cast<std::uint64_t>(low) * bound) >> 32;
  return static_cast<std::uint32_t>((static_cast<std::uint64_t>(high) * bound + carry) >> 32);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops
