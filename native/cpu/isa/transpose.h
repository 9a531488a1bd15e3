// Square transposes in registers: rows of bound data to panels and back.
#pragma once

#include <cstdint>
#include <type_traits>
#include <utility>

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#elif defined(__ARM_NEON)
#include <arm_neon.h>
#endif

#include "native/cpu/isa/simd.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

typedef std::uint8_t Bytes __attribute__((vector_size(16)));
typedef std::uint8_t UnalignedBytes __attribute__((vector_size(16), aligned(1), may_alias));

// Lanes of a and b in turn: half 0 from their lower halves, half 1 from their upper halves.
template <int kHalf, class V, int... kIndex>
NEURODE_INLINE V interleave(V a, V b, std::integer_sequence<int, kIndex...>) {
  constexpr int count = sizeof...(kIndex);
#if defined(__clang__)
  return __builtin_shufflevector(a, b, ((kIndex % 2) * count + kHalf * count / 2 + kIndex / 2)...);
#else
  using Element = std::remove_reference_t<decltype(a[0])>;
  using Index = std::conditional_t<sizeof(Element) == 1, std::uint8_t, std::int32_t>;
  typedef Index Mask __attribute__((vector_size(sizeof(V))));
  return __builtin_shuffle(
      a, b, Mask{static_cast<Index>((kIndex % 2) * count + kHalf * count / 2 + kIndex / 2)...});
#endif
}

// log2(n) rounds of perfect shuffles transpose n vectors of n lanes.
template <class V, int kCount>
NEURODE_INLINE void transpose(V (&rows)[kCount]) {
  using Indices = std::make_integer_sequence<int, kCount>;
#pragma GCC unroll 4
  for (int round = 1; round < kCount; round *= 2) {
    V next[kCount];
#pragma GCC unroll 16
    for (int i = 0; i < kCount / 2; ++i) {
      next[2 * i] = interleave<0>(rows[i], rows[i + kCount / 2], Indices{});
      next[2 * i + 1] = interleave<1>(rows[i], rows[i + kCount / 2], Indices{});
    }
#pragma GCC unroll 16
    for (int i = 0; i < kCount; ++i) rows[i] = next[i];
  }
}

// Stores 16 bytes as floats, times scale plus offset. Intrinsics: g++ widens bytes of a generic
// vector one by one.
NEURODE_INLINE void store_bytes(float* p, Bytes bytes, float scale, float offset) {
#if defined(__AVX512F__)
  const Vec values = (Vec)_mm512_cvtepi32_ps(_mm512_cvtepu8_epi32((__m128i)bytes));
  store(p, values * scale + offset);
#elif defined(__AVX2__)
  const __m128i halves[2] = {(__m128i)bytes, _mm_srli_si128((__m128i)bytes, 8)};
  for (int i = 0; i < 2; ++i) {
    store(p + 8 * i, (Vec)_mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(halves[i])) * scale + offset);
  }
#elif defined(__SSE4_1__)
  const __m128i quarters[4] = {(__m128i)bytes, _mm_srli_si128((__m128i)bytes, 4),
                               _mm_srli_si128((__m128i)bytes, 8),
                               _mm_srli_si128((__m128i)bytes, 12)};
  for (int i = 0; i < 4; ++i) {
    store(p + 4 * i, (Vec)_mm_cvtepi32_ps(_mm_cvtepu8_epi32(quarters[i])) * scale + offset);
  }
#elif defined(__ARM_NEON)
  const uint16x8_t halves[2] = {vmovl_u8(vget_low_u8((uint8x16_t)bytes)),
                                vmovl_u8(vget_high_u8((uint8x16_t)bytes))};
  for (int i = 0; i < 2; ++i) {
    store(p + 8 * i, (Vec)vcvtq_f32_u32(vmovl_u16(vget_low_u16(halves[i]))) * scale + offset);
    store(p + 8 * i + 4, (Vec)vcvtq_f32_u32(vmovl_u16(vget_high_u16(halves[i]))) * scale + offset);
  }
#else
  for (int i = 0; i < 16; ++i) p[i] = bytes[i] * scale + offset;
#endif
}

NEURODE_INLINE Bytes load_bytes(const std::uint8_t* p) {
  return *reinterpret_cast<const UnalignedBytes*>(p);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
