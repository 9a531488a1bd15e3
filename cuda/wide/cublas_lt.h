// Declares the part of cuBLASLt that Neurode uses, and finds the library at run time. If the
// toolkit has cuBLASLt's own header, cuda/wide/cublas_lt_check.h compares it with these
// declarations.
#pragma once

#include <cstddef>
#include <cstdint>

#include "cuda/runtime/runtime.h"

namespace neurode::cuda::lt {

using Handle = struct HandleOpaque*;
using MatmulDesc = struct MatmulDescOpaque*;
using Layout = struct LayoutOpaque*;
using Preference = struct PreferenceOpaque*;

constexpr int kSuccess = 0, kAllocationFailed = 3;
enum DataType { kFloat32 = 0, kBFloat16 = 14 };
enum ComputeType { kCompute32F = 68, kCompute32FFastTf32 = 77 };
enum Operation { kNone = 0, kTransposed = 1 };
enum Epilogue { kDefault = 1, kRelu = 2, kBias = 4, kReluBias = 6 };
enum MatmulAttribute {
  kTransA = 3,
  kTransB = 4,
  kEpilogue = 7,
  kBiasPointer = 8,
  kBiasDataType = 26,
};
enum PreferenceAttribute { kMaxWorkspaceBytes = 1 };

struct Algorithm {
  std::uint64_t data[8];
};

struct Heuristic {
  Algorithm algorithm;
  std::size_t workspace;
  int status;
  float waves;
  int reserved[4];
};
static_assert(sizeof(Heuristic) == 96);

struct Library {
  bool found = false;
  int (*create)(Handle*) = nullptr;
  int (*destroy)(Handle) = nullptr;
  int (*desc_create)(MatmulDesc*, int compute, int scale) = nullptr;
  int (*desc_destroy)(MatmulDesc) = nullptr;
  int (*desc_set)(MatmulDesc, int attribute, const void*, std::size_t) = nullptr;
  int (*layout_create)(Layout*, int type, std::uint64_t rows, std::uint64_t columns,
                       std::int64_t stride) = nullptr;
  int (*layout_destroy)(Layout) = nullptr;
  int (*preference_create)(Preference*) = nullptr;
  int (*preference_destroy)(Preference) = nullptr;
  int (*preference_set)(Preference, int attribute, const void*, std::size_t) = nullptr;
  int (*heuristic)(Handle, MatmulDesc, Layout a, Layout b, Layout c, Layout d, Preference,
                   int wanted, Heuristic*, int* found) = nullptr;
  int (*matmul)(Handle, MatmulDesc, const void* alpha, const void* a, Layout, const void* b, Layout,
                const void* beta, const void* c, Layout, void* d, Layout, const Algorithm*,
                void* workspace, std::size_t, cudaStream_t) = nullptr;
};

// Searches once, with the current device, and returns the first library that works there.
// NEURODE_CUDA_LIB_DIR is a folder to search first, or 'off'.
const Library& library();

}  // namespace neurode::cuda::lt
