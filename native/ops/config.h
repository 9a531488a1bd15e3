// Settings for compiling the functors of native/ops. They are compiled once per instruction set,
// each time in another namespace, and are always inlined.
#pragma once

// The compile command sets this to avx512, avx2, sse42, neon or cuda. So no symbol is shared
// between instruction sets.
#ifndef NEURODE_ISA_NAMESPACE
#define NEURODE_ISA_NAMESPACE host
#endif

#if defined(__CUDACC__)
#define NEURODE_FN __host__ __device__ __forceinline__
#else
#define NEURODE_FN inline __attribute__((always_inline))
#endif

// Placed before a loop with a large body: without this, nvcc would unroll the loop four times in
// every kernel.
#if defined(__CUDA_ARCH__)
#define NEURODE_ROLLED _Pragma("unroll 1")
#else
#define NEURODE_ROLLED
#endif
