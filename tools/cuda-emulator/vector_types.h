// CUDA's qualifiers and vector types for a host compiler.
#pragma once

// Standard headers that use an attribute __noinline__ must come before the macro of that name.
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>

#define __global__
#define __device__
#define __host__
#define __constant__
#define __grid_constant__
#define __launch_bounds__(...)
#define __forceinline__ inline __attribute__((always_inline))
#define __noinline__ __attribute__((noinline))
#define __align__(n) __attribute__((aligned(n)))
// The emulator finds these variables by their thread-local symbols and fills them with NaN before
// each block.
#define __shared__ static thread_local

struct uint3 {
  unsigned x, y, z;
};

struct dim3 {
  unsigned x = 1, y = 1, z = 1;
  constexpr dim3(unsigned x = 1, unsigned y = 1, unsigned z = 1) : x(x), y(y), z(z) {}
  constexpr dim3(uint3 v) : x(v.x), y(v.y), z(v.z) {}
  constexpr operator uint3() const { return {x, y, z}; }
};

#define NEURODE_VECTOR(type, name, align2, align4)                    \
  struct __align__(align2) name##2 {                                  \
    type x, y;                                                        \
  };                                                                  \
  struct __align__(align4) name##4 {                                  \
    type x, y, z, w;                                                  \
  };                                                                  \
  constexpr name##2 make_##name##2(type x, type y) { return {x, y}; } \
  constexpr name##4 make_##name##4(type x, type y, type z, type w) { return {x, y, z, w}; }

NEURODE_VECTOR(float, float, 8, 16)
NEURODE_VECTOR(double, double, 16, 16)
NEURODE_VECTOR(int, int, 8, 16)
NEURODE_VECTOR(unsigned, uint, 8, 16)
NEURODE_VECTOR(short, short, 4, 8)
NEURODE_VECTOR(unsigned short, ushort, 4, 8)
NEURODE_VECTOR(signed char, char, 2, 4)
NEURODE_VECTOR(unsigned char, uchar, 2, 4)
#undef NEURODE_VECTOR

struct float3 {
  float x, y, z;
};
struct int3 {
  int x, y, z;
};
constexpr float3 make_float3(float x, float y, float z) { return {x, y, z}; }
constexpr int3 make_int3(int x, int y, int z) { return {x, y, z}; }
constexpr uint3 make_uint3(unsigned x, unsigned y, unsigned z) { return {x, y, z}; }

// Indices of the running thread. They are not const, so that the compiler reads them again after a
// barrier.
extern uint3 threadIdx, blockIdx;
extern dim3 blockDim, gridDim;
constexpr int warpSize = 32;
