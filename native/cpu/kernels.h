// The CPU's kernels: one table of functions per instruction set. The executor cuts tasks into these
// calls.
//
// Activations live in panels: up to 64 rows of the batch, feature-major, (features, kPanel). A lane
// is a row, so every width of layer fills the vectors, and no sum depends on how the batch is cut.
// Where layers treat each position of a row alone, a lane is a position, and `rows` counts those.
// Kernels live transposed, (units, stride).
#pragma once

#include <cstdint>

#include "native/cpu/optimizer_step.h"
#include "native/engine/data.h"
#include "native/engine/plan.h"

namespace neurode::cpu {

constexpr int kPanel = 64;  // rows of the batch in a panel, at most
// Lines of a kernel are padded to so many floats; panels start at multiples of so many rows.
constexpr int kAlignment = 16;

// Some rows of a batch of bound data: row i is order[first + i], or first + i where order is null.
// Of rows of several positions, those: `first` and `rows` count positions, row after row.
struct RowsView {
  InputView input;
  const std::uint32_t* order;
  std::int64_t first;
  int rows;
  int positions = 1;
};

// A panel's first lane in the batch, and how many lanes are one row.
struct FirstLane {
  int index;
  int positions;
};

// Some panels, `step` floats apart, and the rows in each.
struct Panels {
  int count;
  const int* rows;
  std::int64_t step;
};

// The gradient of a kernel for inputs [begin, end) and units [unit_begin, unit_end), or of a bias,
// and its update; with kStoreStep or kAddStep the gradient alone, into `kernel`.
struct WeightGradient {
  int inputs, units;
  int begin, end;            // begin is a multiple of kAlignment
  int unit_begin, unit_end;  // of a bias: unit_begin is a multiple of kAlignment
  int panels;
  const int* panel_rows;       // rows in each panel
  const float* gradient;       // d output: panel 0, (units, kPanel)
  std::int64_t gradient_step;  // floats from a panel to the next
  const float* activation;     // input: panel 0, (inputs, kPanel); null: take `rows`
  std::int64_t activation_step;
  RowsView rows;  // input that is bound data
  // Where the panels of a batch come in several blocks: the sums so far, (units, stride), or of a
  // bias (units, kAlignment). Null: all come at once. The update follows the block that ends.
  float* sums;
  bool begins, ends;
  float* kernel;  // (units, stride), or the bias (units)
  std::int64_t stride;
  float* slots[kMostSlots];  // optimizer variables, shaped like kernel
};

// A slab: some columns of the inputs of so many rows, for dense_backward_weights.
constexpr int kSlabRows = 1024;
constexpr int kWidestSlab = 48;  // columns, for any instruction set
// Floats of scratch that it needs for a layer of `units`: the slab with a row to spare, and the
// units' sums.
constexpr std::int64_t weight_scratch(int units) {
  return (kSlabRows + 1 + std::int64_t{units}) * kWidestSlab;
}

// Channels [begin, end) over a whole batch: lines of `features` features in some panels.
struct BatchLines {
  Along along;
  int features;
  int begin, end;
  int panels;
  const int* panel_rows;
  std::int64_t step;  // floats from a panel to the next
  const float* x;     // panel 0, (features, kPanel)
  const float* gradient;
  bool adds;  // gradients of parameters are added to those that are stored
};

// Those vectors of a table that the indices of a batch name and that are one thread's, in the order
// in which they are first named, and the sums of their gradients.
struct NamedVectors {
  int thread, threads;    // indices that are `thread` modulo `threads`
  std::int32_t* vectors;  // which they are
  std::int32_t* places;   // by vector of the table: where it is in `vectors`, if it is there
  int count;
  float* sums;  // (count, stride) or, in place, lines of the whole table
  bool in_place;
};

// What is known of each channel of a batch: y = (x - mean) factor + beta with factor = inverse
// gamma, and dx = dy factor + ((x - mean) slope + term).
struct BatchStatistics {
  float *mean, *inverse, *factor, *slope, *term;
};

// Parameters of a normalization by known statistics; gamma and beta may be null.
struct Normalizer {
  const float *gamma, *beta, *mean, *variance;
};

// Vectors of an embedding, (count, stride), of which the first `size` floats count; which of them
// bags leave out, and gradients; and what becomes of those that indices name.
struct Table {
  const float* values;
  std::int64_t stride;
  int count, size;
  int padding = -1;
  Bag bag = {};
};

// A kernel in memory: the weight of input k and unit u is values[k * input_step + u * unit_step].
// One of the steps is 1; with input_step 1, what lies up to the next multiple of kAlignment inputs
// may be read.
struct KernelView {
  const float* values;
  std::int64_t input_step, unit_step;
};

// Tiles [begin, end) of the units of a dense layer for inference.
struct TileRange {
  int begin, end;
};

struct InferDense {
  const float* kernel;  // packed
  const float* bias;    // padded to kAlignment
  int inputs, units;
  const Op* activation;  // pointwise; null: none
};

struct Kernels {
  const char* name;
  int lanes;

  // panel (features, kPanel) = rows * scale + offset of bound data; lanes past the last row repeat
  // it.
  void (*gather)(const RowsView& rows, float scale, float offset, float* panel);
  void (*gather_targets)(const TargetsView& targets, const RowsView& rows, float* panel);
  // Asks for bound rows to be in cache soon.
  void (*prefetch)(const RowsView& rows);

  // output (units, kPanel) = kernel (units, stride) . input (inputs, kPanel) + bias (null: none),
  // in each panel.
  void (*dense_forward)(const float* kernel, std::int64_t stride, const float* bias, int inputs,
                        int units, const Panels& panels, const float* input, float* output);
  // d input (inputs, kPanel) = kernel^T . d output, in each panel.
  void (*dense_backward_input)(const float* kernel, std::int64_t stride, int inputs, int units,
                               const Panels& panels, const float* gradient, float* input_gradient);
  void (*dense_backward_weights)(const WeightGradient& task, const OptimizerStep& step,
                                 float* scratch);
  void (*dense_backward_bias)(const WeightGradient& task, const OptimizerStep& step);
  // The optimizer alone, over `count` floats: whole vectors.
  void (*update)(float* weights, const float* gradient, float* const* slots, int count,
                 const OptimizerStep& step);
  // x *= factor; x = min(max(x, -limit), limit).
  void (*scale)(float* x, float factor, int count);
  void (*clip)(float* x, float limit, int count);
  double (*sum_of_squares)(const float* x, int count);
  // The penalty of `count` floats; gradient (null: none) += its derivative.
  double (*penalize)(const Op& op, const float* x, float* gradient, int count);

  // `rows` lanes of each of `features` lines of a panel; z and y may be the same.
  void (*activation_forward)(const Op& op, const Along& along, const float* z, float* y,
                             int features, int rows);
  // gradient = gradient * f'(z, y), or the product with the Jacobian of a row-wise activation.
  void (*activation_backward)(const Op& op, const Along& along, const float* z, const float* y,
                              float* gradient, int features, int rows);
  // One row of consecutive floats. Sums are of each lane, then of the lanes.
  void (*activation_row)(const Op& op, const Along& along, const float* z, float* y, int features);
  // y = f(x; kernel, bias of the channel), either of which may be null.
  void (*feature_forward)(const Op& op, const Along& along, const float* kernel, const float* bias,
                          const float* x, float* y, int features, int rows);
  // input_gradient = gradient * f'(x); they may be the same.
  void (*feature_backward)(const Op& op, const Along& along, const float* kernel, const float* x,
                           const float* gradient, float* input_gradient, int features, int rows);
  // One row, with a kernel and a bias for each feature, all padded to kAlignment.
  void (*feature_row)(const Op& op, const float* kernel, const float* bias, const float* x,
                      float* y, int features);
  // d kernel and d bias, either of which may be null, of channels [begin, end).
  void (*feature_gradients)(const Op& op, const BatchLines& lines, float* by_kernel,
                            float* by_bias);

  // The numbers of `op`: epsilon, the least variance, whether it undoes a normalization, momentum.
  void (*normalize)(const Op& op, const Along& along, const Normalizer& normalizer, const float* x,
                    float* y, int features, int rows);
  void (*normalize_backward)(const Op& op, const Along& along, const Normalizer& normalizer,
                             float* gradient, int features, int rows);
  void (*batch_statistics)(const Op& op, const BatchLines& lines, const float* gamma,
                           const BatchStatistics& statistics, float* moving_mean,
                           float* moving_variance);
  void (*batch_normalize)(const Along& along, const BatchStatistics& statistics, const float* beta,
                          const float* x, float* y, int features, int rows);
  void (*batch_sums)(const BatchLines& lines, const BatchStatistics& statistics, float* by_gamma,
                     float* by_beta);
  void (*batch_normalize_backward)(const Along& along, const BatchStatistics& statistics,
                                   const float* x, float* gradient, int features, int rows);

  // y (features * size, kPanel) = the vectors that x (features, kPanel) names, or of each bag their
  // sum or mean, (features / bag * size, kPanel).
  void (*embed)(const Table& table, const float* x, float* y, int features, int rows);
  void (*embed_row)(const Table& table, const float* x, float* y, int features);
  // gradient (count, stride) of vectors [begin, end) that the batch names, row after row; 0 of
  // others.
  void (*embedding_gradients)(const BatchLines& lines, const Table& table, float* gradient);
  // The same of the vectors that the batch names alone. What is named for the first time begins
  // with 0.
  void (*named_gradients)(const BatchLines& lines, const Table& table, NamedVectors& named);
  // The optimizer over lines of `stride` floats of a table; line i of `gradient` is of lines[i].
  void (*update_lines)(float* weights, const float* gradient, float* const* slots,
                       const std::int32_t* lines, int count, std::int64_t stride,
                       const OptimizerStep& step);

  void (*rescale)(float scale, float offset, const float* x, float* y, int features, int rows);
  // y = x * factor + term, kept where `factor` is not null. Rows of several positions have whole
  // groups of four features.
  void (*noise)(const Op& op, std::uint64_t seed, std::int64_t step, const FirstLane& first,
                const float* x, float* factor, float* y, int features, int rows);
  void (*multiply)(const float* mask, const float* x, float* y, int features, int rows);

  // y = a merged with b.
  void (*merge)(const Op& op, const float* a, const float* b, float* y, int features, int rows);
  // y = gradient * the slope by a (side 0) or by b (side 1).
  void (*merge_backward)(const Op& op, int side, const float* a, const float* b,
                         const float* gradient, float* y, int features, int rows);

  // values[lane] = loss of the row; gradient (null: none) = d loss / d prediction * scale * the
  // row's weight (null: 1), zero past the last row.
  void (*loss)(const Op& op, const float* prediction, const float* targets, int outputs, int rows,
               float scale, const float* weights, float* values, float* gradient);
  void (*metric)(const Op& op, const float* prediction, const float* targets, int outputs, int rows,
                 float* values);

  // values[lane] = penalty of the row; gradient += its derivative * scale.
  void (*penalize_rows)(const Op& op, const float* x, int features, int rows, float* values);
  void (*penalize_rows_backward)(const Op& op, float scale, const float* x, float* gradient,
                                 int features, int rows);

  // For inference, see inference_product.h. Units are packed in so many tiles, and packed or
  // computed tile by tile. A packed kernel has inputs times the units rounded up to kAlignment at
  // most.
  int (*infer_tiles)(int units);
  void (*pack_kernel)(const KernelView& kernel, int inputs, int units, const TileRange& tiles,
                      float* packed);
  // output (rows, output_stride) = f(input (rows, input_stride) . kernel + bias)
  void (*infer_dense)(const InferDense& dense, const TileRange& tiles, int rows, const float* input,
                      std::int64_t input_stride, float* output, std::int64_t output_stride);
  // to = from * scale + offset
  void (*scale_floats)(const float* from, std::int64_t count, float scale, float offset, float* to);
  void (*scale_bytes)(const std::uint8_t* from, std::int64_t count, float scale, float offset,
                      float* to);

  // Fused multiply-adds in registers: floating-point operations done.
  double (*peak)(std::int64_t iterations);
};

}  // namespace neurode::cpu
