// Selects functors of the op table on the device by the number of their row.
#pragma once

#include "cuda/kernels/records.h"
#include "native/engine/plan.h"
#include "native/ops/activations.h"
#include "native/ops/features.h"
#include "native/ops/losses.h"
#include "native/ops/merges.h"
#include "native/ops/metrics.h"
#include "native/ops/noise.h"
#include "native/ops/optimizers.h"
#include "native/ops/pooling.h"
#include "native/ops/regularizers.h"
#include "native/ops/updates.h"

namespace neurode::cuda {

namespace row {
enum Activation : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW) first_rowwise,
  before_rowwise = first_rowwise - 1,
  NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
};
namespace loss {
enum Loss : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW
};
}  // namespace loss
namespace metric {
enum Metric : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_METRICS(NEURODE_ROW) first_loss
#undef NEURODE_ROW
};
}  // namespace metric
namespace optimizer {
enum Optimizer : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
};
}  // namespace optimizer
namespace noise {
enum Noise : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_NOISES(NEURODE_ROW)
#undef NEURODE_ROW
};
}  // namespace noise
namespace feature {
enum Feature : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_FEATURE_FUNCTIONS(NEURODE_ROW)
#undef NEURODE_ROW
};
}  // namespace feature
namespace pooling {
enum Pooling : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_POOLINGS(NEURODE_ROW)
#undef NEURODE_ROW
};
}  // namespace pooling
namespace merge {
enum Merge : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_MERGES(NEURODE_ROW)
#undef NEURODE_ROW
};
}  // namespace merge
namespace regularizer {
enum Regularizer : int {
#define NEURODE_ROW(name, ...) name,
  NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW) first_matrix,
  before_matrices = first_matrix - 1,
  NEURODE_MATRIX_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
};
}  // namespace regularizer
}  // namespace row

// Calls apply(functor) with the functor of the merge in row `which` of the op table.
template <class Apply>
NEURODE_DEVICE void with_merge(int which, Apply apply) {
  switch (which) {
#define NEURODE_ROW(name, Functor) \
  case row::merge::name:           \
    return apply(ops::Functor{});
    NEURODE_MERGES(NEURODE_ROW)
#undef NEURODE_ROW
  }
}

// One value's contribution to a penalty, and the derivative of that contribution.
[[maybe_unused]] static __device__ float penalty_value(const OpRecord& op, float x) {
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::regularizer::name:          \
    return ops::Functor::value<float>(x, ops::params_of<ops::Functor>(op.params));
    NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  }
  return 0;
}
[[maybe_unused]] static __device__ float penalty_slope(const OpRecord& op, float x) {
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::regularizer::name:          \
    return ops::Functor::derivative<float>(x, ops::params_of<ops::Functor>(op.params));
    NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  }
  return 0;
}

// Whether a regularizer works on whole rows or columns, and whether on columns.
constexpr bool is_of_matrix(const Op& regularizer) {
  return regularizer.row >= row::regularizer::first_matrix;
}
inline bool is_of_columns(const Op& regularizer) {
  return ops::params_of<ops::Orthogonal>(regularizer.params.data()).columns != 0;
}

__host__ __device__ constexpr bool is_pointwise(int activation) {
  return activation < row::first_rowwise;
}

// Not inlined: each object file has one copy of all functors, rather than one copy per kernel.
[[maybe_unused]] static __device__ __noinline__ float pointwise_forward(OpRecord op, float z) {
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::name:                       \
    return ops::Functor::forward<float>(z, ops::params_of<ops::Functor>(op.params));
    NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
  }
  return z;
}

[[maybe_unused]] static __device__ __noinline__ float pointwise_derivative(OpRecord op, float z,
                                                                           float y) {
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::name:                       \
    return ops::Functor::derivative<float>(z, y, ops::params_of<ops::Functor>(op.params));
    NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
  }
  return 1;
}

NEURODE_DEVICE float activate(const OpRecord& op, float z) {
  if (op.row == row::linear) return z;
  if (op.row == row::relu) return ops::Relu::forward<float>(z, {});
  return pointwise_forward(op, z);
}

NEURODE_DEVICE float slope(const OpRecord& op, float z, float y) {
  if (op.row == row::linear) return 1;
  if (op.row == row::relu) return ops::Relu::derivative<float>(z, y, {});
  return pointwise_derivative(op, z, y);
}

// A view of features that are `step` apart in a row, for row-wise functors.
struct RowView {
  float* data;
  int step = 1;
  NEURODE_FN float operator()(int i) const { return data[static_cast<std::int64_t>(i) * step]; }
  NEURODE_FN void operator()(int i, float value) const {
    data[static_cast<std::int64_t>(i) * step] = value;
  }
};

[[maybe_unused]] static __device__ __noinline__ ops::FactorAndTerm<float> draw_noise(
    OpRecord op, std::uint32_t word) {
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::noise::name:                \
    return ops::Functor::draw<float>(word, ops::params_of<ops::Functor>(op.params));
    NEURODE_NOISES(NEURODE_ROW)
#undef NEURODE_ROW
  }
  return {1, 0};
}

struct TargetView {
  const float* values;  // null: the target is target_class
  int target_class;
  NEURODE_FN float operator()(int i) const {
    return values != nullptr ? values[i] : i == target_class ? 1.0f : 0.0f;
  }
};

[[maybe_unused]] static __device__ __noinline__ void rowwise_forward(OpRecord op, int n, RowView z,
                                                                     RowView y) {
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::name:                       \
    return ops::Functor::forward<float>(n, z, y, ops::params_of<ops::Functor>(op.params));
    NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
  }
}

[[maybe_unused]] static __device__ __noinline__ void rowwise_backward(OpRecord op, int n, RowView z,
                                                                      RowView y, RowView d) {
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::name:                       \
    return ops::Functor::backward<float>(n, z, y, d, d, ops::params_of<ops::Functor>(op.params));
    NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
  }
}

template <class Loss>
NEURODE_DEVICE float loss_of_row(const float* params, int n, RowView y, TargetView target,
                                 float scale, float* gradient) {
  if (gradient == nullptr)
    return Loss::template row<float>(n, y, target, ops::params_of<Loss>(params), ops::NoGradient{});
  return Loss::template row<float>(n, y, target, ops::params_of<Loss>(params),
                                   [=](int i, float slope) { gradient[i] = slope * scale; });
}

// Returns the loss of one row and, unless `gradient` is null, writes its gradient.
[[maybe_unused]] static __device__ __noinline__ float loss_row(OpRecord op, int n, float* y,
                                                               TargetView target, float scale,
                                                               float* gradient) {
  const RowView prediction{y};
  const bool logits = ops::from_logits(op.params);
  switch (op.row) {
#define NEURODE_ROW(name, Functor, LogitsFunctor, ...)                                       \
  case row::loss::name:                                                                      \
    return logits ? loss_of_row<ops::LogitsFunctor>(op.params, n, prediction, target, scale, \
                                                    gradient)                                \
                  : loss_of_row<ops::Functor>(op.params, n, prediction, target, scale, gradient);
    NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW
  }
  return 0;
}

// Losses are metrics too: their rows follow the rows of the other metrics.
[[maybe_unused]] static __device__ __noinline__ float metric_row(OpRecord op, int n, float* y,
                                                                 TargetView target) {
  const RowView prediction{y};
  switch (op.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::metric::name:               \
    return ops::Functor::row<float>(n, prediction, target, ops::params_of<ops::Functor>(op.params));
    NEURODE_METRICS(NEURODE_ROW)
#undef NEURODE_ROW
  }
  op.row -= row::metric::first_loss;
  return loss_row(op, n, y, target, 1, nullptr);
}

// The weights that one thread updates. Rows and columns come in runs of four; the runs begin
// `row_step` and `column_step` apart and are cut off at row_end and column_end. The gradient of row
// i and column j is gradients[i * columns + j].
struct Patch {
  int row = 0, rows = 1, row_step = 0, row_end = 1;
  int column = 0, columns = 1, column_step = 0, column_end = 0;
  int stride = 0;  // weights per row
};

// Computes once what is the same for all weights of a step. All loads of a run are issued before
// its first store.
template <class Optimizer>
NEURODE_DEVICE void update_patch_by(const OpRecord& optimizer, float rate, std::int64_t step,
                                    const WeightsRecord& weights, const Patch& patch,
                                    const float* gradients) {
  constexpr int kRun = 4;
  const auto scalars = Optimizer::prepare(rate, step, ops::params_of<Optimizer>(optimizer.params));
  const float keep = ops::weight_decay_factor(weights.weight_decay, rate);
#pragma unroll 1
  for (int i = 0; i < patch.rows; ++i) {
    const int row = patch.row + i / kRun * patch.row_step + i % kRun;
    if (row >= patch.row_end) continue;
#pragma unroll 1
    for (int j = 0; j < patch.columns; j += kRun) {
      const int column = patch.column + j / kRun * patch.column_step;
      const std::int64_t at = row * static_cast<std::int64_t>(patch.stride) + column;
      int count = patch.columns - j < kRun ? patch.columns - j : kRun;
      if (patch.column_end - column < count) count = patch.column_end - column;
      float values[kRun], state[kRun][Optimizer::kSlots + 1];
#pragma unroll
      for (int u = 0; u < kRun; ++u) {
        if (u >= count) continue;
        values[u] = weights.values[at + u];
#pragma unroll
        for (int s = 0; s < Optimizer::kSlots; ++s) state[u][s] = weights.slots[s][at + u];
      }
#pragma unroll
      for (int u = 0; u < kRun; ++u) {
        if (u >= count) continue;
        weights.values[at + u] = Optimizer::template update<float>(
            values[u] * keep, gradients[i * patch.columns + j + u], state[u], scalars);
#pragma unroll
        for (int s = 0; s < Optimizer::kSlots; ++s) weights.slots[s][at + u] = state[u][s];
      }
    }
  }
}

// Uses complete gradients: updates the weights, or stores the gradients in the arena. Not inlined:
// each kernel has one copy of all optimizers, rather than one copy for each weight of a tile.
[[maybe_unused]] static __device__ __noinline__ void update_patch(OpRecord optimizer, float rate,
                                                                  std::int64_t step,
                                                                  WeightsRecord weights,
                                                                  Patch patch,
                                                                  const float* gradients) {
  if (weights.values == nullptr) return;
  if (weights.adds)
    return update_patch_by<ops::AddGradient>(optimizer, rate, step, weights, patch, gradients);
  if (weights.stores)
    return update_patch_by<ops::StoreGradient>(optimizer, rate, step, weights, patch, gradients);
  switch (optimizer.row) {
#define NEURODE_ROW(name, Functor, ...) \
  case row::optimizer::name:            \
    return update_patch_by<ops::Functor>(optimizer, rate, step, weights, patch, gradients);
    NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  }
}

}  // namespace neurode::cuda
