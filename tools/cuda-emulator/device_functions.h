// The functions that kernels call: barriers, warp functions, atomics and intrinsics.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <source_location>
#include <type_traits>

#include "tools/cuda-emulator/vector_types.h"

namespace neurode::emulator {

using Site = std::source_location;

enum class Collective : std::uint8_t { kSync, kBallot, kShuffle, kTogether };

void sync_threads(Site site);
// Waits for the lanes of `mask`. kBallot: `value` is the lane's predicate; returns the ballot.
// kShuffle: returns the value of lane `source`.
std::uint64_t warp_collective(Collective kind, unsigned mask, std::uint64_t value, unsigned source,
                              Site site);
// The lane of the running thread, and the thread's number in the block.
unsigned lane();
unsigned thread_number();
[[noreturn]] void kernel_fault(const char* what);

template <class T>
T shuffle(unsigned mask, T value, unsigned source, Site site) {
  static_assert(sizeof(T) <= 8 && std::is_trivially_copyable_v<T>);
  std::uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  bits = warp_collective(Collective::kShuffle, mask, bits, source, site);
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

// Rounds a result: prevents the compiler from contracting the operation with later ones.
template <class T>
T rounded(T value) {
#if defined(__x86_64__)
  asm("" : "+x"(value));
#else
  asm("" : "+w"(value));
#endif
  return value;
}

}  // namespace neurode::emulator

inline void __syncthreads(neurode::emulator::Site site = neurode::emulator::Site::current()) {
  neurode::emulator::sync_threads(site);
}
inline void __syncwarp(unsigned mask = 0xffffffffu,
                       neurode::emulator::Site site = neurode::emulator::Site::current()) {
  neurode::emulator::warp_collective(neurode::emulator::Collective::kSync, mask, 0, 0, site);
}
inline void __threadfence() {}
inline void __threadfence_block() {}
inline void __threadfence_system() {}
[[noreturn]] inline void __trap() { neurode::emulator::kernel_fault("__trap"); }

inline unsigned __ballot_sync(unsigned mask, int predicate,
                              neurode::emulator::Site site = neurode::emulator::Site::current()) {
  return unsigned(neurode::emulator::warp_collective(neurode::emulator::Collective::kBallot, mask,
                                                     predicate != 0, 0, site));
}
inline int __any_sync(unsigned mask, int predicate,
                      neurode::emulator::Site site = neurode::emulator::Site::current()) {
  return __ballot_sync(mask, predicate, site) != 0;
}
inline int __all_sync(unsigned mask, int predicate,
                      neurode::emulator::Site site = neurode::emulator::Site::current()) {
  return __ballot_sync(mask, !predicate, site) == 0;
}

// Shuffles work within segments of `width` lanes. If the source lane is outside the segment, the
// thread gets its own value.
template <class T>
T __shfl_sync(unsigned mask, T value, int source, int width = warpSize,
              neurode::emulator::Site site = neurode::emulator::Site::current()) {
  const unsigned segment = neurode::emulator::lane() & ~unsigned(width - 1);
  return neurode::emulator::shuffle(mask, value, segment + (unsigned(source) & unsigned(width - 1)),
                                    site);
}
template <class T>
T __shfl_up_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                 neurode::emulator::Site site = neurode::emulator::Site::current()) {
  const unsigned lane = neurode::emulator::lane(), segment = lane & ~unsigned(width - 1);
  return neurode::emulator::shuffle(mask, value, lane - segment >= delta ? lane - delta : lane,
                                    site);
}
template <class T>
T __shfl_down_sync(unsigned mask, T value, unsigned delta, int width = warpSize,
                   neurode::emulator::Site site = neurode::emulator::Site::current()) {
  const unsigned lane = neurode::emulator::lane(), segment = lane & ~unsigned(width - 1);
  return neurode::emulator::shuffle(
      mask, value, lane - segment + delta < unsigned(width) ? lane + delta : lane, site);
}
template <class T>
T __shfl_xor_sync(unsigned mask, T value, int bits, int width = warpSize,
                  neurode::emulator::Site site = neurode::emulator::Site::current()) {
  const unsigned lane = neurode::emulator::lane(), segment = lane & ~unsigned(width - 1);
  const unsigned source = lane ^ unsigned(bits);
  return neurode::emulator::shuffle(mask, value, source < segment + unsigned(width) ? source : lane,
                                    site);
}

// ------------------------------------------------------------ atomics

// Threads of the emulator switch only at barriers and warp functions, so plain operations are
// atomic.
#define NEURODE_ATOMIC(name, types, expression)                       \
  template <class T>                                                  \
  requires(types) T name(T* address, std::type_identity_t<T> value) { \
    const T old = *address;                                           \
    *address = expression;                                            \
    return old;                                                       \
  }
#define NEURODE_INTEGERS std::is_integral_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)
#define NEURODE_WORDS std::is_arithmetic_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)
NEURODE_ATOMIC(atomicAdd, NEURODE_WORDS, T(old + value))
NEURODE_ATOMIC(atomicSub, NEURODE_INTEGERS, T(old - value))
NEURODE_ATOMIC(atomicExch, NEURODE_WORDS, value)
NEURODE_ATOMIC(atomicMin, NEURODE_INTEGERS, (std::min)(old, value))
NEURODE_ATOMIC(atomicMax, NEURODE_INTEGERS, (std::max)(old, value))
NEURODE_ATOMIC(atomicAnd, NEURODE_INTEGERS, T(old& value))
NEURODE_ATOMIC(atomicOr, NEURODE_INTEGERS, T(old | value))
NEURODE_ATOMIC(atomicXor, NEURODE_INTEGERS, T(old ^ value))
#undef NEURODE_INTEGERS
#undef NEURODE_WORDS
#undef NEURODE_ATOMIC

inline unsigned atomicInc(unsigned* address, unsigned limit) {
  const unsigned old = *address;
  *address = old >= limit ? 0 : old + 1;
  return old;
}
inline unsigned atomicDec(unsigned* address, unsigned limit) {
  const unsigned old = *address;
  *address = old == 0 || old > limit ? limit : old - 1;
  return old;
}
template <class T>
requires std::is_integral_v<T> T atomicCAS(T* address, std::type_identity_t<T> expected,
                                           std::type_identity_t<T> value) {
  const T old = *address;
  if (old == expected) *address = value;
  return old;
}

// ------------------------------------------------------------ loads, stores, numbers

template <class T>
T __ldg(const T* address) {
  return *address;
}
template <class T>
T __ldca(const T* address) {
  return *address;
}
template <class T>
T __ldcg(const T* address) {
  return *address;
}
template <class T>
T __ldcs(const T* address) {
  return *address;
}
template <class T>
T __ldlu(const T* address) {
  return *address;
}
template <class T>
void __stcg(T* address, std::type_identity_t<T> value) {
  *address = value;
}
template <class T>
void __stcs(T* address, std::type_identity_t<T> value) {
  *address = value;
}
template <class T>
void __stwt(T* address, std::type_identity_t<T> value) {
  *address = value;
}

inline float __int_as_float(int v) { return std::bit_cast<float>(v); }
inline float __uint_as_float(unsigned v) { return std::bit_cast<float>(v); }
inline int __float_as_int(float v) { return std::bit_cast<int>(v); }
inline unsigned __float_as_uint(float v) { return std::bit_cast<unsigned>(v); }
inline double __longlong_as_double(long long v) { return std::bit_cast<double>(v); }
inline long long __double_as_longlong(double v) { return std::bit_cast<long long>(v); }

// Saturates and converts NaN to 0, as the GPU does.
inline int __double2int_saturated(double v) {
  if (v != v) return 0;
  return v >= 2147483647.0 ? 2147483647 : v <= -2147483648.0 ? -2147483647 - 1 : int(v);
}
inline int __float2int_rn(float v) { return __double2int_saturated(std::nearbyint(double(v))); }
inline int __float2int_rz(float v) { return __double2int_saturated(std::trunc(double(v))); }
inline int __float2int_rd(float v) { return __double2int_saturated(std::floor(double(v))); }
inline int __float2int_ru(float v) { return __double2int_saturated(std::ceil(double(v))); }
inline unsigned __float2uint_rn(float v) {
  if (!(v > 0)) return 0;
  return v >= 4294967296.0f ? 4294967295u : unsigned(std::nearbyint(double(v)));
}
inline unsigned __float2uint_rz(float v) {
  if (!(v > 0)) return 0;
  return v >= 4294967296.0f ? 4294967295u : unsigned(v);
}
inline float __int2float_rn(int v) { return float(v); }
inline float __uint2float_rn(unsigned v) { return float(v); }
inline float __ull2float_rn(unsigned long long v) { return float(v); }
inline float __double2float_rn(double v) { return float(v); }

inline float __fadd_rn(float a, float b) { return neurode::emulator::rounded(a + b); }
inline float __fsub_rn(float a, float b) { return neurode::emulator::rounded(a - b); }
inline float __fmul_rn(float a, float b) { return neurode::emulator::rounded(a * b); }
inline float __fdiv_rn(float a, float b) { return neurode::emulator::rounded(a / b); }
inline float __fmaf_rn(float a, float b, float c) { return std::fma(a, b, c); }
inline float __fsqrt_rn(float a) { return std::sqrt(a); }
inline float __frcp_rn(float a) { return 1 / a; }
inline float __frsqrt_rn(float a) { return float(1 / std::sqrt(double(a))); }
inline double __dadd_rn(double a, double b) { return neurode::emulator::rounded(a + b); }
inline double __dmul_rn(double a, double b) { return neurode::emulator::rounded(a * b); }
inline double __fma_rn(double a, double b, double c) { return std::fma(a, b, c); }
inline float rsqrtf(float a) { return float(1 / std::sqrt(double(a))); }
inline double rsqrt(double a) { return 1 / std::sqrt(a); }

// On a GPU these intrinsics are approximate. Here they are as accurate as the host's functions.
inline float __fdividef(float a, float b) { return a / b; }
inline float __expf(float a) { return std::exp(a); }
inline float __exp10f(float a) { return std::pow(10.0f, a); }
inline float __logf(float a) { return std::log(a); }
inline float __log2f(float a) { return std::log2(a); }
inline float __log10f(float a) { return std::log10(a); }
inline float __powf(float a, float b) { return std::pow(a, b); }
inline float __sinf(float a) { return std::sin(a); }
inline float __cosf(float a) { return std::cos(a); }
inline float __tanf(float a) { return std::tan(a); }
inline float __saturatef(float a) { return a >= 1 ? 1.0f : a > 0 ? a : 0.0f; }
inline void sincospif(float a, float* sine, float* cosine) {
  *sine = float(std::sin(3.14159265358979323846 * a));
  *cosine = float(std::cos(3.14159265358979323846 * a));
}

inline int __popc(unsigned v) { return std::popcount(v); }
inline int __popcll(unsigned long long v) { return std::popcount(v); }
inline int __clz(int v) { return std::countl_zero(unsigned(v)); }
inline int __clzll(long long v) { return std::countl_zero((unsigned long long)v); }
inline int __ffs(int v) { return v == 0 ? 0 : std::countr_zero(unsigned(v)) + 1; }
inline unsigned __brev(unsigned v) {
  unsigned r = 0;
  for (int i = 0; i < 32; ++i) r |= (v >> i & 1u) << (31 - i);
  return r;
}
inline unsigned __umulhi(unsigned a, unsigned b) { return unsigned((std::uint64_t{a} * b) >> 32); }
inline int __mulhi(int a, int b) { return int((std::int64_t{a} * b) >> 32); }
inline unsigned long long __umul64hi(unsigned long long a, unsigned long long b) {
  return (unsigned long long)((static_cast<unsigned __int128>(a) * b) >> 64);
}
inline unsigned __byte_perm(unsigned a, unsigned b, unsigned selector) {
  const std::uint64_t bytes = std::uint64_t{b} << 32 | a;
  unsigned result = 0;
  for (int i = 0; i < 4; ++i)
    result |= unsigned(bytes >> (selector >> (4 * i) & 7) * 8 & 0xff) << (8 * i);
  return result;
}
inline unsigned __funnelshift_l(unsigned low, unsigned high, unsigned shift) {
  return unsigned((std::uint64_t{high} << 32 | low) << (shift & 31) >> 32);
}
inline unsigned __funnelshift_r(unsigned low, unsigned high, unsigned shift) {
  return unsigned((std::uint64_t{high} << 32 | low) >> (shift & 31));
}

#define NEURODE_MIN_MAX(type)                                  \
  constexpr type min(type a, type b) { return b < a ? b : a; } \
  constexpr type max(type a, type b) { return a < b ? b : a; }
NEURODE_MIN_MAX(int)
NEURODE_MIN_MAX(unsigned)
NEURODE_MIN_MAX(long)
NEURODE_MIN_MAX(unsigned long)
NEURODE_MIN_MAX(long long)
NEURODE_MIN_MAX(unsigned long long)
#undef NEURODE_MIN_MAX
inline float min(float a, float b) { return std::fmin(a, b); }
inline float max(float a, float b) { return std::fmax(a, b); }
inline double min(double a, double b) { return std::fmin(a, b); }
inline double max(double a, double b) { return std::fmax(a, b); }
using std::isfinite;
using std::isinf;
using std::isnan;
using std::signbit;
