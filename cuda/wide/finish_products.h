// Processes the sums of a wide layer's products: bias, activation, derivative, update.
#pragma once

#include "cuda/kernels/functors.h"
#include "cuda/wide/products.h"

namespace neurode::cuda {

NEURODE_DEVICE void store_pair(const Tensor& tensor, int row, int column, int count, float first,
                               float second) {
  if (tensor.stride == 0) return;
  float* const at = &tensor.at(row, column);
  if (count > 1) {
    *reinterpret_cast<float2*>(at) = make_float2(first, second);
  } else {
    *at = first;
  }
}

// `column` is even, so the pair is one aligned word. The value in the padding is ignored.
NEURODE_DEVICE void store_pair(const Copy& copy, int row, int column, float first, float second) {
  if (copy.stride == 0) return;
  *reinterpret_cast<std::uint32_t*>(copy.data + row * static_cast<std::int64_t>(copy.stride) +
                                    column) = to_bfloat16s(first, second);
}

// Processes two neighbouring sums of a row; `unit` is even.
NEURODE_DEVICE void finish_pair(const ForwardProduct& p, int row, int unit, float first,
                                float second) {
  if (row >= p.rows || unit >= p.units) return;
  const int count = p.units - unit;
  if (p.bias != nullptr) {
    first += p.bias[unit];
    if (count > 1) second += p.bias[unit + 1];
  }
  store_pair(p.z, row, unit, count, first, second);
  first = activate(p.op, first);
  second = activate(p.op, second);
  store_pair(p.output, row, unit, count, first, second);
  store_pair(p.copy, row, unit, first, second);
}

NEURODE_DEVICE float slope_at(const BackwardProduct& p, int row, int feature) {
  const float y =
      p.output.stride != 0
          ? p.output.at(row, feature)
          : from_bfloat16(p.output_copy.data[row * static_cast<std::int64_t>(p.output_copy.stride) +
                                             feature]);
  return slope(p.op, p.z.stride != 0 ? p.z.at(row, feature) : 0, y);
}

NEURODE_DEVICE void finish_pair(const BackwardProduct& p, int row, int feature, float first,
                                float second) {
  if (row >= p.rows || feature >= p.inputs) return;
  const int count = p.inputs - feature;
  if (p.op.row != row::linear) {
    first *= slope_at(p, row, feature);
    if (count > 1) second *= slope_at(p, row, feature + 1);
  }
  store_pair(p.input_gradient, row, feature, count, first, second);
  store_pair(p.copy, row, feature, first, second);
}

// Updates up to four weights of a row; `unit` is even.
NEURODE_DEVICE void finish_weights(const WeightsProduct& p, float rate, int input, int unit,
                                   int count, const float* gradients) {
  if (p.kernel.values == nullptr || input >= p.inputs || unit >= p.units) return;
  if (count > p.units - unit) count = p.units - unit;
  float* const values = p.kernel.values + input * static_cast<std::int64_t>(p.kernel_stride) + unit;
  if (p.optimizer.row == row::optimizer::sgd && !p.kernel.stores) {
    const float keep = ops::weight_decay_factor(p.kernel.weight_decay, rate);
    const ops::Sgd::Scalars scalars{rate};
#pragma unroll
    for (int u = 0; u < 4; ++u) {
      if (u < count)
        values[u] = ops::Sgd::update<float>(values[u] * keep, gradients[u], nullptr, scalars);
    }
  } else {
    const Patch patch{.row = input,
                      .row_end = p.inputs,
                      .column = unit,
                      .columns = count,
                      .column_end = p.units,
                      .stride = p.kernel_stride};
    update_patch(p.optimizer, rate, p.state->step, p.kernel, patch, gradients);
  }
  if (p.kernel_copy.stride == 0) return;
  for (int u = 0; u < count; u += 2)
    store_pair(p.kernel_copy, input, unit + u, values[u], u + 1 < count ? values[u + 1] : 0);
}

constexpr int kBiasUnits = 32;  // units per block

// Updates the bias of kBiasUnits units; a whole block calls this. Each of 8 threads of a unit sums
// every eighth row of the gradient, and the 8 partial sums are added in order.
template <class E>
NEURODE_DEVICE void finish_bias(const WeightsProduct& p, float rate, int first) {
  constexpr int kParts = kThreads / kBiasUnits;
  __shared__ float parts[kParts][kBiasUnits];
  const int thread = static_cast<int>(threadIdx.x), part = thread / kBiasUnits,
            column = thread % kBiasUnits;
  const int unit = first + column;
  float sum = 0;
  if (unit < p.units) {
    for (int row = part; row < p.rows; row += kParts) {
      const std::int64_t at = row * p.gradient.stride + unit;
      if constexpr (E::kBytes == 2) {
        sum += from_bfloat16(static_cast<const BFloat16*>(p.gradient.data)[at]);
      } else {
        sum += static_cast<const float*>(p.gradient.data)[at];
      }
    }
  }
  parts[part][column] = sum;
  __syncthreads();
  if (part > 0 || unit >= p.units) return;
  for (int i = 1; i < kParts; ++i) sum += parts[i][column];
  const Patch patch{.column = unit, .column_end = p.units};
  update_patch(p.optimizer, rate, p.state->step, p.bias, patch, &sum);
}

}  // namespace neurode::cuda
