// Chooses the implementation of a product by timing the first product of each shape. The choice is
// kept until the process exits.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "cuda/wide/library_matmul.h"

namespace neurode::cuda {

struct LibraryChoice {
  static constexpr int kOwn = -1;  // Neurode's own kernel is the fastest

  int variant = kOwn;
  lt::Algorithm algorithm{};
};

// The ways to compute one product.
struct LibraryTrial {
  std::vector<std::int64_t> shape;             // everything that affects the times
  const std::vector<LibraryMatmul>& variants;  // calls of the library
  std::function<void(int variant)> finish;     // the work that remains after the library's call
  std::function<void()> own;                   // the product by Neurode's own kernel
};

LibraryChoice choose(Launcher& launcher, const Library& library, const LibraryTrial& trial);

}  // namespace neurode::cuda
