// Who computes a product, and how: timed on the first one of a shape, and remembered for the
// process.
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

// Ways to compute one product.
struct LibraryTrial {
  std::vector<std::int64_t> shape;             // all that the times depend on
  const std::vector<LibraryMatmul>& variants;  // by the library
  std::function<void(int variant)> finish;     // what is left to do behind it
  std::function<void()> own;                   // by Neurode's own kernel
};

LibraryChoice choose(Launcher& launcher, const Library& library, const LibraryTrial& trial);

}  // namespace neurode::cuda
