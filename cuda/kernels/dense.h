// Dense layers: forward, backward to the input, and backward to the weights with their update.
#pragma once

#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// output (rows, units) = f(input . kernel + bias); the bound data where stage.input is none. Sums
// are added in the same order for every number of rows with the same `usual_rows`.
void dense_forward(Launcher& launcher, const Stage& stage, const StepRecord& step, int usual_rows);

// input_gradient (rows, inputs) = gradient . kernel^T * f'.
void dense_backward_input(Launcher& launcher, const Stage& stage, const StepRecord& step);

// d kernel = input^T . gradient and d bias = sum of gradient over rows, for update_patch.
struct WeightLayer {
  const float* input;  // null: the bound data
  int input_stride;
  const float* gradient;
  int gradient_stride;
  int inputs, units;
  int positions;  // rows for one of the batch
  int kernel_stride;
  WeightsRecord kernel, bias;
  // By the launcher:
  int first_block, tiles_across, tiles, bias_blocks;
};

constexpr int kMostLayers = 12;  // in a launch

// How the layers of a training step are cut into blocks, for batches of up to `rows`.
class WeightsPlan {
 public:
  WeightsPlan(const std::vector<WeightLayer>& layers, int rows);

  // Memory that partial sums and counters need: counters first, zeroed.
  std::int64_t counters() const { return tiles_ * (splits_ > 1 ? 1 : 0); }
  std::int64_t partial_floats() const { return splits_ > 1 ? tiles_ * splits_ * tile_size_ : 0; }

  // Ends the step where `finish` has sums.
  void run(Launcher& launcher, const StepRecord& step, const OpRecord& optimizer,
           const FinishRecord& finish, std::uint32_t* counters, float* partials) const;

 private:
  std::vector<WeightLayer> layers_;
  enum class Size { small, medium, large } size_;
  int splits_;
  std::int64_t tiles_ = 0;
  std::int64_t tile_size_ = 0;
};

}  // namespace neurode::cuda
