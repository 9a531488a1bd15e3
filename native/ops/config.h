// How the functors of native/ops are compiled: once per instruction set, each in its own namespace,
// always inline.
#pragma once

// avx512, avx2, sse42, neon or cuda, given by the compile command. No symbol is shared between
// instruction sets.
#ifndef NEURODE_ISA_NAMESPACE
#define NEURODE_ISA_NAMESPACE host
#endif

#if defined(__CUDACC__)
#define NEURODE_FN __host__ __device__ __forceinline__
#else
#define NEURODE_FN inline __attribute__((always_inline))
#endif

// Before a loop whose body is large: nvcc would write it four times, into every kernel.
#if defined(__CUDA_ARCH__)
#define NEURODE_ROLLED _Pragma("unroll 1")
#else
#define NEURODE_ROLLED
#endif
