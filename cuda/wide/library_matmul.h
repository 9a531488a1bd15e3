// Computes a matrix product with cuBLASLt.
#pragma once

#include <memory>
#include <vector>

#include "cuda/runtime/device.h"
#include "cuda/runtime/launch.h"
#include "cuda/wide/cublas_lt.h"
#include "cuda/wide/products.h"

namespace neurode::cuda {

// d (n, m) = b (n, k) . a (k, m), all row-major. cuBLASLt is column-major, so it sees the
// transposed matrices. `transposed_a`: a is stored as (m, k). `transposed_b`: b as (k, n).
struct LibraryMatmul {
  int m, n, k;
  Matrix a, b;
  bool transposed_a = false, transposed_b = false;
  void* d = nullptr;
  std::int64_t stride = 0;
  bool bfloat16 = false;  // whether d is bfloat16
  int epilogue = lt::kDefault;
  const float* bias = nullptr;
};

// The handle of cuBLASLt and its workspace on the device, which all calls share.
class Library {
 public:
  // Returns null if the library is absent or cannot be used.
  static std::unique_ptr<Library> open(Device& device, bool bfloat16);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // The algorithms that cuBLASLt suggests for a product, best first.
  std::vector<lt::Algorithm> algorithms(const LibraryMatmul& matmul) const;
  // Returns whether the product was launched.
  bool run(Launcher& launcher, const LibraryMatmul& matmul, const lt::Algorithm& algorithm) const;

  // Whether the operands are bfloat16.
  bool bfloat16() const { return bfloat16_; }
  int ordinal() const { return ordinal_; }

 private:
  Library(Device& device, bool bfloat16, lt::Handle handle);

  const int ordinal_;
  const bool bfloat16_;
  const lt::Handle handle_;
  DeviceMemory workspace_;
};

}  // namespace neurode::cuda
