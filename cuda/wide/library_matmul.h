// One matrix product by cuBLASLt.
#pragma once

#include <memory>
#include <vector>

#include "cuda/runtime/device.h"
#include "cuda/runtime/launch.h"
#include "cuda/wide/cublas_lt.h"
#include "cuda/wide/products.h"

namespace neurode::cuda {

// d (n, m) = b (n, k) . a (k, m), all row-major: to the library, which counts by columns, the
// matrices are transposed. `transposed_a`: a is stored as (m, k); `transposed_b`: b as (k, n).
struct LibraryMatmul {
  int m, n, k;
  Matrix a, b;
  bool transposed_a = false, transposed_b = false;
  void* d = nullptr;
  std::int64_t stride = 0;
  bool bfloat16 = false;  // of d
  int epilogue = lt::kDefault;
  const float* bias = nullptr;
};

// What calls of cuBLASLt share: its handle, and its workspace on the device.
class Library {
 public:
  // Null where the library is absent or does not start.
  static std::unique_ptr<Library> open(Device& device, bool bfloat16);
  ~Library();
  Library(const Library&) = delete;
  Library& operator=(const Library&) = delete;

  // The algorithms that it suggests for a product, the most promising one first.
  std::vector<lt::Algorithm> algorithms(const LibraryMatmul& matmul) const;
  // Whether the product was launched.
  bool run(Launcher& launcher, const LibraryMatmul& matmul, const lt::Algorithm& algorithm) const;

  // Of the operands.
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
