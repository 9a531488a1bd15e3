// The vector type of the instruction set that this file is compiled for.
#pragma once

#include <cstdint>
#include <utility>

#include "native/ops/config.h"

#define NEURODE_INLINE inline __attribute__((always_inline))

namespace neurode::NEURODE_ISA_NAMESPACE {

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
#elif defined(__AVX2__)
constexpr int kVectorBytes = 32;
#else
constexpr int kVectorBytes = 16;
#endif

typedef float Vec __attribute__((vector_size(kVectorBytes)));
typedef float UnalignedVec __attribute__((vector_size(kVectorBytes), aligned(4), may_alias));
typedef std::int32_t IntVec __attribute__((vector_size(kVectorBytes)));
typedef std::uint32_t UintVec __attribute__((vector_size(kVectorBytes)));

constexpr int kLanes = kVectorBytes / sizeof(float);

// Registers decide the tiles: accumulators + operands must fit (32 with AVX-512 and NEON, 16 else).
#if defined(__AVX512F__) || defined(__aarch64__)
constexpr int kRegisters = 32;
#else
constexpr int kRegisters = 16;
#endif

NEURODE_INLINE Vec load(const float* p) { return *reinterpret_cast<const UnalignedVec*>(p); }
NEURODE_INLINE void store(float* p, Vec v) { *reinterpret_cast<UnalignedVec*>(p) = v; }
template <int... kLane>
NEURODE_INLINE Vec broadcast(float x, std::integer_sequence<int, kLane...>) {
  return Vec{(static_cast<void>(kLane),
              x)...};  // becomes an operand of the next instruction; 0 + x would be an addition
}
NEURODE_INLINE Vec broadcast(float x) {
  return broadcast(x, std::make_integer_sequence<int, kLanes>{});
}

NEURODE_INLINE float sum_lanes(Vec v) {
  float s = 0;
  for (int i = 0; i < kLanes; ++i) s += v[i];
  return s;
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
