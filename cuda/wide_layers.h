// A model's wide layers, whose products run on tensor cores, and the bfloat16 copies of their
// kernels.
#pragma once

#include <memory>
#include <vector>

#include "cuda/parameters.h"
#include "cuda/wide/copies.h"
#include "cuda/wide/library_products.h"
#include "cuda/wide/tensor_cores.h"
#include "cuda/wide_choice.h"

namespace neurode::cuda {

class WideLayers {
 public:
  // Throws ERR_ARGUMENT if the device has no tensor cores for the program's precision.
  WideLayers(Device& device, const Program& program, const Parameters& parameters);

  // Makes the copies again if parameters have changed since.
  void refresh(Launcher& launcher);
  // Says that the tasks that changed kernels have changed their copies too.
  void copies_are_new() { version_ = parameters_.version(); }
  // Makes copies of the kernels that update tasks have changed.
  void copy_deferred(Launcher& launcher) const;

  Matrix kernel(int index) const;
  Copy kernel_copy(int index) const { return copies_[index]; }

  // Whether cuBLASLt is available. Its products need memory.
  bool has_library() const { return library_ != nullptr; }

  // Without `memory`, Neurode's own kernels compute the products. Their sums do not depend on the
  // number of rows.
  void forward(Launcher& launcher, const ForwardProduct& product,
               const LibraryMemory* memory) const;
  void backward_input(Launcher& launcher, const BackwardProduct& product,
                      const LibraryMemory* memory) const;
  void backward_weights(Launcher& launcher, const WeightsProduct& product,
                        const WeightsSplit& split, std::uint32_t* counters, float* partials,
                        const LibraryMemory* memory) const;

 private:
  void copy(Launcher& launcher, int index) const;

  const Program& program_;
  const Parameters& parameters_;
  std::vector<Copy> copies_;  // by parameter
  DeviceMemory memory_;
  std::uint64_t version_ = 0;  // of the parameters that were copied; 0: none were
  std::unique_ptr<LibraryProducts> library_;
};

}  // namespace neurode::cuda
