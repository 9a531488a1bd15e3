// Sets and restores the floating-point control register, per processor architecture.
#include "native/engine/flush_subnormals.h"

#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace neurode {

#if defined(__x86_64__) || defined(_M_X64)
FlushSubnormals::FlushSubnormals() : saved_(_mm_getcsr()) {
  _mm_setcsr(static_cast<unsigned>(saved_) | 0x8040);  // FTZ and DAZ
}
FlushSubnormals::~FlushSubnormals() { _mm_setcsr(static_cast<unsigned>(saved_)); }
#elif defined(__aarch64__)
FlushSubnormals::FlushSubnormals() {
  asm volatile("mrs %0, fpcr" : "=r"(saved_));
  asm volatile("msr fpcr, %0" ::"r"(saved_ | (1ULL << 24)));  // FZ
}
FlushSubnormals::~FlushSubnormals() { asm volatile("msr fpcr, %0" ::"r"(saved_)); }
#else
FlushSubnormals::FlushSubnormals() : saved_(0) {}
FlushSubnormals::~FlushSubnormals() = default;
#endif

}  // namespace neurode
