// Tensor core instructions and asynchronous copies of compute capability 8.0, for warps and
// threads. The emulator has its own versions.
//
// Fragments are those of PTX's mma.sync.m16n8k16 (bfloat16) and m16n8k8 (tf32). With g = lane / 4
// and t = lane % 4, d[0] and d[1] are row g, columns 2t and 2t + 1; d[2] and d[3] are the same
// columns of row g + 8.
#pragma once

#include <cstdint>

#include "cuda/kernels/records.h"

namespace neurode::cuda {

#if !defined(NEURODE_CUDA_EMULATOR)

#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 800
#define NEURODE_PTX_80(...) asm volatile(__VA_ARGS__)
#else
#define NEURODE_PTX_80(...)  // never launched on such devices
#endif

NEURODE_DEVICE std::uint32_t shared_address(const void* pointer) {
  return static_cast<std::uint32_t>(__cvta_generic_to_shared(pointer));
}

// d += a b
NEURODE_DEVICE void multiply_bfloat16(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                      std::uint32_t b1) {
  NEURODE_PTX_80(
      "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

NEURODE_DEVICE void multiply_tf32(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                                  std::uint32_t b1) {
  NEURODE_PTX_80(
      "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, "
      "{%0,%1,%2,%3};"
      : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3])
      : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b0), "r"(b1));
}

// Loads four matrices of eight rows of 16 bytes from shared memory. Lane 8 i + r passes the address
// of row r of matrix i. Lane l gets word l % 4 of row l / 4 of each matrix.
NEURODE_DEVICE void load_matrices(std::uint32_t (&words)[4], const void* row) {
  NEURODE_PTX_80("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(shared_address(row)));
}

// The same, but transposes the matrices, which have 16-bit elements.
NEURODE_DEVICE void load_matrices_transposed(std::uint32_t (&words)[4], const void* row) {
  NEURODE_PTX_80("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(words[0]), "=r"(words[1]), "=r"(words[2]), "=r"(words[3])
                 : "r"(shared_address(row)));
}

// Starts a copy of 16 bytes to shared memory: the first `bytes` from `from`, then zeros. The copy
// is complete after a wait for its group.
NEURODE_DEVICE void copy_async(void* to, const void* from, int bytes) {
  NEURODE_PTX_80("cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(shared_address(to)),
                 "l"(from), "r"(bytes)
                 : "memory");
}

NEURODE_DEVICE void end_copy_group() { NEURODE_PTX_80("cp.async.commit_group;" ::: "memory"); }

// Waits until at most the last `Pending` copy groups of this thread are incomplete.
template <int Pending>
NEURODE_DEVICE void wait_for_copies() {
  NEURODE_PTX_80("cp.async.wait_group %0;" ::"n"(Pending) : "memory");
}

// Rounds to 10 bits of fraction, ties away from zero.
NEURODE_DEVICE std::uint32_t to_tf32(std::uint32_t value) {
  std::uint32_t rounded = value;
  NEURODE_PTX_80("cvt.rna.tf32.f32 %0, %1;" : "=r"(rounded) : "f"(__uint_as_float(value)));
  return rounded;
}

// Rounds two floats to bfloat16, ties to even. `low` comes first in memory.
NEURODE_DEVICE std::uint32_t to_bfloat16s(float low, float high) {
  std::uint32_t word = 0;
  NEURODE_PTX_80("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(word) : "f"(high), "f"(low));
  return word;
}

#undef NEURODE_PTX_80
#endif

using BFloat16 = std::uint16_t;

NEURODE_DEVICE BFloat16 to_bfloat16(float value) {
  return static_cast<BFloat16>(to_bfloat16s(value, 0));
}

NEURODE_DEVICE float from_bfloat16(BFloat16 value) {
  return __uint_as_float(static_cast<std::uint32_t>(value) << 16);
}

}  // namespace neurode::cuda
