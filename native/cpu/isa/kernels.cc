// The kernels of one instruction set. This file is compiled once for each set, which
// NEURODE_ISA_NAMESPACE names.
#include "native/cpu/kernels.h"

#include "native/cpu/isa/channels.h"
#include "native/cpu/isa/dense.h"
#include "native/cpu/isa/dense_weights.h"
#include "native/cpu/isa/embedding.h"
#include "native/cpu/isa/inference_product.h"
#include "native/cpu/isa/merges.h"
#include "native/cpu/isa/penalties.h"
#include "native/cpu/isa/pointwise.h"
#include "native/cpu/isa/row_values.h"
#include "native/cpu/isa/update.h"

namespace neurode::NEURODE_ISA_NAMESPACE {
namespace {

void prefetch(const RowsView& view) {
  const std::int64_t bytes =
      view.input.features * std::int64_t{view.input.bytes != nullptr ? 1 : 4};
  const char* data = view.input.bytes != nullptr ? reinterpret_cast<const char*>(view.input.bytes)
                                                 : reinterpret_cast<const char*>(view.input.floats);
  for (int i = 0; i < view.rows; ++i) {
    const char* row = data + bound_index(view, i) * bytes;
    for (std::int64_t b = 0; b < bytes; b += 64) __builtin_prefetch(row + b, 0, 2);
  }
}

double peak(std::int64_t iterations) {
  constexpr int kChains = kRegisters == 32 ? 20 : 12;
  Vec sums[kChains];
  for (int i = 0; i < kChains; ++i) sums[i] = broadcast(static_cast<float>(i));
  volatile float ratio = 0.999f;
  const Vec factor = broadcast(ratio), term = broadcast(1 - ratio);
  for (std::int64_t n = 0; n < iterations; ++n) {
#pragma GCC unroll 20
    for (int i = 0; i < kChains; ++i) sums[i] = sums[i] * factor + term;
  }
  volatile float sink = 0;
  for (int i = 0; i < kChains; ++i) sink = sink + sums[i][0];
  return 2.0 * kChains * kLanes * static_cast<double>(iterations);
}

#define NEURODE_NAME_OF(name) #name
#define NEURODE_TEXT_OF(name) NEURODE_NAME_OF(name)

}  // namespace

extern const cpu::Kernels kKernels;
const cpu::Kernels kKernels = {
    .name = NEURODE_TEXT_OF(NEURODE_ISA_NAMESPACE),
    .lanes = kLanes,
    .gather = gather,
    .gather_targets = gather_targets,
    .prefetch = prefetch,
    .dense_forward = dense_forward,
    .dense_backward_input = dense_backward_input,
    .dense_backward_weights = dense_backward_weights,
    .dense_backward_bias = dense_backward_bias,
    .update = update,
    .scale = scale,
    .clip = clip,
    .sum_of_squares = sum_of_squares,
    .penalize = penalize,
    .activation_forward = activation_forward,
    .activation_backward = activation_backward,
    .activation_row = activation_row,
    .feature_forward = feature_forward,
    .feature_backward = feature_backward,
    .feature_row = feature_row,
    .feature_gradients = feature_gradients,
    .normalize = normalize,
    .normalize_backward = normalize_backward,
    .batch_statistics = batch_statistics,
    .batch_normalize = batch_normalize,
    .batch_sums = batch_sums,
    .batch_normalize_backward = batch_normalize_backward,
    .embed = embed,
    .embed_row = embed_row,
    .embedding_gradients = embedding_gradients,
    .named_gradients = named_gradients,
    .update_lines = update_lines,
    .rescale = rescale,
    .noise = noise,
    .multiply = multiply,
    .merge = merge,
    .merge_backward = merge_backward,
    .loss = loss,
    .metric = metric,
    .penalize_rows = penalize_rows,
    .penalize_rows_backward = penalize_rows_backward,
    .infer_tiles = infer_tiles,
    .pack_kernel = pack_kernel,
    .infer_dense = infer_dense,
    .scale_floats = scale_floats,
    .scale_bytes = scale_bytes,
    .peak = peak,
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE
