// Dense layers: forward, backward to the input, and backward to the weights, which includes the
// weight update.
#pragma once

#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// output (rows, units) = f(input . kernel + bias). Reads the bound data if stage.input has no
// tensor. The order of additions depends on `usual_rows`, not on the number of rows.
void dense_forward(Launcher& launcher, const Stage& stage, const StepRecord& step, int usual_rows);

// input_gradient (rows, inputs) = (gradient . kernel^T) * f'.
void dense_backward_input(Launcher& launcher, const Stage& stage, const StepRecord& step);

// d kernel = input^T . gradient, and d bias = the sum of gradient over the rows; both go to
// update_patch.
struct WeightLayer {
  const float* input;  // null: reads the bound data
  int input_stride;
  const float* gradient;
  int gradient_stride;
  int inputs, units;
  int positions;  // rows of the tensors for each row of the batch
  int kernel_stride;
  WeightsRecord kernel, bias;
  // Set by WeightsPlan.
  int first_block, tiles_across, tiles, bias_blocks;
};

constexpr int kMostLayers = 12;  // the most layers in one launch

// Divides the weight gradients of a training step's layers into blocks, for batches of up to
// `rows`.
class WeightsPlan {
 public:
  WeightsPlan(const std::vector<WeightLayer>& layers, int rows);

  // Memory for partial sums and counters. The counters must be zero before the first run.
  std::int64_t counters() const { return tiles_ * (splits_ > 1 ? 1 : 0); }
  std::int64_t partial_floats() const { return splits_ > 1 ? tiles_ * splits_ * tile_size_ : 0; }

  // Launches the kernels. If finish.sums is not null, the last launch also ends the step.
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
