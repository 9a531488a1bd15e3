// Computes the products of wide layers with cuBLASLt if it is faster, else with Neurode's own
// kernels.
#pragma once

#include <memory>
#include <utility>

#include "cuda/runtime/device.h"
#include "cuda/wide/library_matmul.h"
#include "cuda/wide/tensor_cores.h"

namespace neurode::cuda {

// Memory for the library's products of one pass; it is part of the pass's memory.
struct LibraryMemory {
  float* sums = nullptr;       // sums of the largest product that has no other place for them
  float* gradients = nullptr;  // gradients of the largest kernel
};

class LibraryProducts {
 public:
  // Returns null if the library is absent or cannot be used.
  static std::unique_ptr<LibraryProducts> open(Device& device, bool bfloat16);

  void forward(Launcher& launcher, const ForwardProduct& product, const LibraryMemory& memory);
  void backward_input(Launcher& launcher, const BackwardProduct& product,
                      const LibraryMemory& memory);
  void backward_weights(Launcher& launcher, const WeightsProduct& product,
                        const WeightsSplit& split, std::uint32_t* counters, float* partials,
                        const LibraryMemory& memory);

 private:
  explicit LibraryProducts(std::unique_ptr<Library> library) : library_(std::move(library)) {}

  const std::unique_ptr<Library> library_;
};

}  // namespace neurode::cuda
