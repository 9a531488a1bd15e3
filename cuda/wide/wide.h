// A model's wide layers: those whose products tensor cores compute, and the copies of their
// kernels.
#pragma once

#include <vector>

#include "cuda/parameters.h"
#include "cuda/wide/library_products.h"
#include "cuda/wide/tensor_cores.h"

namespace neurode::cuda {

constexpr std::int64_t kWideWeights = 1 << 17;  // smaller layers gain nothing: they stay float32

class WideLayers {
 public:
  // Throws ERR_ARGUMENT where the device has no tensor cores for the program's precision.
  WideLayers(Device& device, const Program& program, const Parameters& parameters);

  // Whether the layer with this kernel is wide.
  bool takes(int kernel) const {
    return precision_ != Precision::float32 &&
           program_.parameters[kernel].layout == Layout::kernel &&
           program_.parameters[kernel].positions == 1 &&
           program_.parameters[kernel].size() >= kWideWeights;
  }
  // Whether operands are bfloat16 copies, not the floats themselves.
  bool reads_copies() const { return precision_ == Precision::bfloat16; }

  // Kernels were set from outside: copies are made again when `refresh` comes.
  void kernels_changed() { stale_ = true; }
  void refresh(Launcher& launcher);
  // Kernels that an update task has changed.
  void copy_deferred(Launcher& launcher) const;

  Matrix kernel(int index) const;
  Copy kernel_copy(int index) const { return copies_[index]; }

  // Whether cuBLASLt is there; its products take memory.
  bool has_library() const { return library_ != nullptr; }

  // Without `memory` by Neurode's own kernels, whose sums do not depend on the number of rows.
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
  const Precision precision_;
  std::vector<Copy> copies_;  // by parameter
  DeviceMemory memory_;
  bool stale_ = true;
  std::unique_ptr<LibraryProducts> library_;
};

// Throws ERR_ARGUMENT where the device has none for this precision.
void check_tensor_cores(const Device& device, Precision precision);

// to = from (rows, features) rounded; the bound data where `from` has none.
void round_to_bfloat16(Launcher& launcher, const Tensor& from, const RunState* state, int rows,
                       int features, const Copy& to);

inline int padded_copy(int features) { return (features + 7) / 8 * 8; }

}  // namespace neurode::cuda
