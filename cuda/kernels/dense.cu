// Kernels of dense layers: forward, backward to the input, and backward to the weights, which
// includes the weight update.
#include <algorithm>

#include "cuda/kernels/dense.h"
#include "cuda/kernels/finish.h"
#include "cuda/kernels/functors.h"
#include "cuda/kernels/product.h"

namespace neurode::cuda {
namespace {

constexpr int kBiasColumns = 32;  // units per block in the sum of the bias gradient
constexpr int kWorthATile = 96;   // with this many blocks a launch occupies the device well enough
constexpr int kLeastRowsOfASplit = 256;
constexpr int kMostSplits = 16;

std::int64_t tiles(std::int64_t count, int size) { return (count + size - 1) / size; }

template <class S>
__global__ __launch_bounds__(kThreads) void dense_forward_kernel(Stage stage, StepRecord step) {
  __shared__ Slabs<S> slabs;
  const int m = blockIdx.y * S::kM, n = blockIdx.x * S::kN;
  Sums<S> sums;
  const InputSource input({stage.input.data, stage.input.stride}, *step.state);
  multiply<S, true, false>(input, m, step.rows, MatrixSource{stage.kernel, stage.kernel_stride}, n,
                           stage.units, 0, stage.inputs, slabs, sums);
  if (sums.group > 0) return;
  const Tensor z{stage.z.data, stage.z.stride}, output{stage.output.data, stage.output.stride};
  sums.each([&](int y, int x, float sum) {
    const int row = m + y, unit = n + x;
    if (row >= step.rows || unit >= stage.units) return;
    if (stage.bias != nullptr) sum += stage.bias[unit];
    if (z.stride != 0) z.at(row, unit) = sum;
    output.at(row, unit) = activate(stage.op, sum);
  });
}

template <class S>
__global__ __launch_bounds__(kThreads) void dense_backward_input_kernel(Stage stage,
                                                                        StepRecord step) {
  __shared__ Slabs<S> slabs;
  const int m = blockIdx.y * S::kM, n = blockIdx.x * S::kN;
  Sums<S> sums;
  multiply<S, true, true>(MatrixSource{stage.gradient.data, stage.gradient.stride}, m, step.rows,
                          MatrixSource{stage.kernel, stage.kernel_stride}, n, stage.inputs, 0,
                          stage.units, slabs, sums);
  if (sums.group > 0) return;
  const Tensor z{stage.z.data, stage.z.stride}, y{stage.output.data, stage.output.stride};
  const Tensor gradient{stage.input_gradient.data, stage.input_gradient.stride};
  sums.each([&](int i, int j, float sum) {
    const int row = m + i, feature = n + j;
    if (row >= step.rows || feature >= stage.inputs) return;
    if (stage.op.row != row::linear) sum *= slope(stage.op, z.at(row, feature), y.at(row, feature));
    gradient.at(row, feature) = sum;
  });
}

struct WeightsArguments {
  WeightLayer layers[kMostLayers];
  int count;
  OpRecord optimizer;
  std::uint32_t* counters;  // by tile: the number of blocks that have written their partial sums
  float* partials;
  int first_tile;  // the number of this launch's first tile
  bool last;       // whether the step ends with this launch
  StepRecord step;
  FinishRecord finish;
};

// Writes the tile's partial sums of this split of the batch. The block that finishes last adds the
// partial sums of all splits, in the order of the splits. Returns whether `sums` are complete.
template <class S>
NEURODE_DEVICE bool add_splits(const WeightsArguments& arguments, int tile, Sums<S>& sums) {
  const int splits = gridDim.y;
  if (splits == 1) return true;
  float* const parts =
      arguments.partials + static_cast<std::int64_t>(tile) * splits * S::kM * S::kN;
  sums.each([&](int y, int x, float sum) {
    parts[(static_cast<int>(blockIdx.y) * S::kM + y) * S::kN + x] = sum;
  });
  if (!is_last_block(arguments.counters + tile, splits)) return false;
  sums.each([&](int y, int x, float& sum) {
    sum = 0;
    for (int split = 0; split < splits; ++split)
      sum += __ldcg(parts + (split * S::kM + y) * S::kN + x);
  });
  if (threadIdx.x == 0) arguments.counters[tile] = 0;
  return true;
}

// Updates the bias of kBiasColumns units. Each of 8 threads of a unit sums every eighth row of the
// gradient, and the 8 partial sums are added in order.
NEURODE_DEVICE void update_bias(const WeightsArguments& arguments, const WeightLayer& layer,
                                int first, float rate) {
  __shared__ float parts[kThreads / kBiasColumns][kBiasColumns];
  constexpr int kParts = kThreads / kBiasColumns;
  const int thread = static_cast<int>(threadIdx.x), part = thread / kBiasColumns,
            column = thread % kBiasColumns;
  const int unit = first + column;
  float sum = 0;
  if (unit < layer.units) {
    for (int row = part; row < arguments.step.rows * layer.positions; row += kParts) {
      sum += layer.gradient[row * static_cast<std::int64_t>(layer.gradient_stride) + unit];
    }
  }
  parts[part][column] = sum;
  __syncthreads();
  if (part > 0 || unit >= layer.units) return;
  for (int p = 1; p < kParts; ++p) sum += parts[p][column];
  const Patch patch{.column = unit, .column_end = layer.units};
  update_patch(arguments.optimizer, rate, arguments.step.state->step, layer.bias, patch, &sum);
}

template <class S>
NEURODE_DEVICE void update_tile(const WeightsArguments& arguments, const WeightLayer& layer,
                                int index, int tile, float rate, Slabs<S>& slabs) {
  const int m = index / layer.tiles_across * S::kM, n = index % layer.tiles_across * S::kN;
  const int rows = arguments.step.rows * layer.positions, splits = gridDim.y, split = blockIdx.y;
  const int each = (rows + splits - 1) / splits;
  const int begin = split * each < rows ? split * each : rows,
            end = begin + each < rows ? begin + each : rows;
  Sums<S> sums;
  const InputSource input({layer.input, layer.input_stride}, *arguments.step.state);
  multiply<S, false, false>(input, m, layer.inputs,
                            MatrixSource{layer.gradient, layer.gradient_stride}, n, layer.units,
                            begin, end, slabs, sums);
  if (!add_splits<S>(arguments, tile, sums)) return;
  if (layer.kernel.values == nullptr) return;
  if (arguments.optimizer.row == row::optimizer::sgd && !layer.kernel.stores) {
    const float keep = ops::weight_decay_factor(layer.kernel.weight_decay, rate);
    const ops::Sgd::Scalars scalars{rate};
    sums.each([&](int y, int x, float sum) {
      const int i = m + y, unit = n + x;
      if (i >= layer.inputs || unit >= layer.units) return;
      float& weight =
          layer.kernel.values[i * static_cast<std::int64_t>(layer.kernel_stride) + unit];
      weight = ops::Sgd::update<float>(weight * keep, sum, nullptr, scalars);
    });
    return;
  }
  float gradients[S::kThreadM * S::kThreadN];
#pragma unroll
  for (int i = 0; i < S::kThreadM; ++i) {
#pragma unroll
    for (int j = 0; j < S::kThreadN; ++j) gradients[i * S::kThreadN + j] = sums.values[i][j];
  }
  const Patch patch{.row = m + place<S::kM, S::kThreadM>(sums.row, 0),
                    .rows = S::kThreadM,
                    .row_step = kRunStep<S::kM, S::kThreadM>,
                    .row_end = layer.inputs,
                    .column = n + place<S::kN, S::kThreadN>(sums.column, 0),
                    .columns = S::kThreadN,
                    .column_step = kRunStep<S::kN, S::kThreadN>,
                    .column_end = layer.units,
                    .stride = layer.kernel_stride};
  update_patch(arguments.optimizer, rate, arguments.step.state->step, layer.kernel, patch,
               gradients);
}

template <class S>
__global__ __launch_bounds__(kThreads) void dense_backward_weights_kernel(
    WeightsArguments arguments) {
  __shared__ Slabs<S> slabs;
  const RunState& state = *arguments.step.state;
  const float rate = state.learning_rates[state.index];
  int l = 0, tile = arguments.first_tile;
  while (l + 1 < arguments.count &&
         static_cast<int>(blockIdx.x) >= arguments.layers[l + 1].first_block) {
    tile += arguments.layers[l++].tiles;
  }
  const WeightLayer& layer = arguments.layers[l];
  const int index = static_cast<int>(blockIdx.x) - layer.first_block;
  if (index < layer.tiles) {
    update_tile<S>(arguments, layer, index, tile + index, rate, slabs);
  } else if (blockIdx.y == 0) {
    update_bias(arguments, layer, (index - layer.tiles) * kBiasColumns, rate);
  }
  if (arguments.last && is_last_block(&arguments.step.state->finished, gridDim.x * gridDim.y)) {
    finish_step(arguments.step, arguments.finish);
  }
}

template <class S>
dim3 grid(std::int64_t rows, std::int64_t columns) {
  return dim3(static_cast<unsigned>(tiles(columns, S::kN)),
              static_cast<unsigned>(tiles(rows, S::kM)));
}

template <class S>
bool fills(std::int64_t rows, std::int64_t columns) {
  return tiles(rows, S::kM) * tiles(columns, S::kN) >= kWorthATile;
}

// Chooses the tile: Narrow if there are few outputs, else the largest tile that gives kWorthATile
// blocks. Only Narrow adds in another order, so `usual_rows` alone decides whether it is used.
template <class Use>
void with_shape(std::int64_t rows, std::int64_t columns, std::int64_t usual_rows, Use use) {
  if (!fills<Medium>(usual_rows, columns)) return use(Narrow{});
  if (fills<Large>(rows, columns)) return use(Large{});
  if (fills<Medium>(rows, columns)) return use(Medium{});
  use(Small{});
}

}  // namespace

void dense_forward(Launcher& launcher, const Stage& stage, const StepRecord& step, int usual_rows) {
  with_shape(step.rows, stage.units, usual_rows, [&](auto shape) {
    using S = decltype(shape);
    launcher(dense_forward_kernel<S>, grid<S>(step.rows, stage.units), kThreads, 0, stage, step);
  });
}

void dense_backward_input(Launcher& launcher, const Stage& stage, const StepRecord& step) {
  with_shape(step.rows, stage.inputs, step.rows, [&](auto shape) {
    using S = decltype(shape);
    launcher(dense_backward_input_kernel<S>, grid<S>(step.rows, stage.inputs), kThreads, 0, stage,
             step);
  });
}

WeightsPlan::WeightsPlan(const std::vector<WeightLayer>& layers, int rows) : layers_(layers) {
  std::int64_t most_rows = 0;
  for (const WeightLayer& layer : layers)
    most_rows = std::max(most_rows, std::int64_t{rows} * layer.positions);
  const auto tiles_of = [&](int m, int n) {
    std::int64_t count = 0;
    for (const WeightLayer& layer : layers) count += tiles(layer.inputs, m) * tiles(layer.units, n);
    return count;
  };
  size_ = tiles_of(Large::kM, Large::kN) >= kWorthATile     ? Size::large
          : tiles_of(Medium::kM, Medium::kN) >= kWorthATile ? Size::medium
                                                            : Size::small;
  const int side = size_ == Size::large    ? Large::kM
                   : size_ == Size::medium ? Medium::kM
                                           : Small::kM;
  tile_size_ = std::int64_t{side} * side;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    WeightLayer& layer = layers_[l];
    const WeightLayer* const before = l % kMostLayers == 0 ? nullptr : &layers_[l - 1];
    layer.first_block =
        before == nullptr ? 0 : before->first_block + before->tiles + before->bias_blocks;
    layer.tiles_across = static_cast<int>(tiles(layer.units, side));
    layer.tiles = static_cast<int>(tiles(layer.inputs, side)) * layer.tiles_across;
    layer.bias_blocks =
        layer.bias.values == nullptr ? 0 : static_cast<int>(tiles(layer.units, kBiasColumns));
    tiles_ += layer.tiles;
  }
  const std::int64_t wanted = tiles_ == 0 ? 1 : 2 * kWorthATile / tiles_;
  splits_ = static_cast<int>(std::clamp<std::int64_t>(
      std::min<std::int64_t>(wanted, most_rows / kLeastRowsOfASplit), 1, kMostSplits));
}

void WeightsPlan::run(Launcher& launcher, const StepRecord& step, const OpRecord& optimizer,
                      const FinishRecord& finish, std::uint32_t* counters, float* partials) const {
  int first_tile = 0;
  for (std::size_t first = 0; first < layers_.size(); first += kMostLayers) {
    WeightsArguments arguments{};
    arguments.count = static_cast<int>(std::min<std::size_t>(kMostLayers, layers_.size() - first));
    std::copy_n(layers_.begin() + static_cast<std::ptrdiff_t>(first), arguments.count,
                arguments.layers);
    arguments.optimizer = optimizer;
    arguments.counters = counters;
    arguments.partials = partials;
    arguments.first_tile = first_tile;
    arguments.last = finish.sums != nullptr && first + kMostLayers >= layers_.size();
    arguments.step = step;
    arguments.finish = finish;
    const WeightLayer& end = arguments.layers[arguments.count - 1];
    const dim3 blocks(end.first_block + end.tiles + end.bias_blocks, splits_);
    switch (size_) {
      case Size::large:
        launcher(dense_backward_weights_kernel<Large>, blocks, kThreads, 0, arguments);
        break;
      case Size::medium:
        launcher(dense_backward_weights_kernel<Medium>, blocks, kThreads, 0, arguments);
        break;
      case Size::small:
        launcher(dense_backward_weights_kernel<Small>, blocks, kThreads, 0, arguments);
        break;
    }
    for (int l = 0; l < arguments.count; ++l) first_tile += arguments.layers[l].tiles;
  }
}

}  // namespace neurode::cuda
