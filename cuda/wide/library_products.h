// Products of wide layers by cuBLASLt where it is the fastest, else by Neurode's own kernels.
#pragma once

#include <memory>
#include <utility>

#include "cuda/runtime/device.h"
#include "cuda/wide/library_matmul.h"
#include "cuda/wide/tensor_cores.h"

namespace neurode::cuda {

// Memory that the library's products of one pass take; in that of the pass.
struct LibraryMemory {
  float* sums = nullptr;       // of the largest product whose sums have no other place
  float* gradients = nullptr;  // of the largest kernel
};

class LibraryProducts {
 public:
  // Null where the library is absent or does not start.
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
