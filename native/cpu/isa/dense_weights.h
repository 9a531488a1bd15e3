// Weight gradients of a dense layer with the optimizer's update: d kernel (units, inputs) = d
// output . input^T.
#pragma once

#include "native/cpu/isa/dense.h"
#include "native/cpu/isa/update.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

using cpu::WeightGradient;

// Rows of the batch whose inputs are unpacked at a time: up to kCachedSlabRows the slab stays in
// the L1 cache, up to kSlabRows in L2.
constexpr int kSlabRows = cpu::kSlabRows;
constexpr int kCachedSlabRows = 128;
// So few rows are less work than to read their weights.
constexpr int kFewSlabRows = 16;
constexpr int kSlabVectors = 3;
constexpr int kSlabWidth = kSlabVectors * kLanes;
static_assert(kSlabWidth <= cpu::kWidestSlab);

NEURODE_INLINE void unpack(const std::uint8_t* source, float scale, float offset, float* out) {
  store_bytes(out, load_bytes(source), scale, offset);
}
NEURODE_INLINE void unpack(const float* source, float scale, float offset, float* out) {
  for (int i = 0; i < 16; i += kLanes) store(out + i, load(source + i) * scale + offset);
}

// slab (rows, width) = inputs [column, column + width) of rows [first, first + count) of the bound
// data.
template <class Element>
inline void pack_rows(const RowsView& view, const Element* data, int first, int count, int column,
                      int width, float* slab) {
  const std::int64_t features = view.input.features / view.positions;
  const float scale = view.input.scale, offset = view.input.offset;
  const int rest = static_cast<int>(features) - column;  // inputs from here on
  for (int i = 0; i < count; ++i) {
    const Element* source = data + bound_index(view, first + i) * features + column;
    __builtin_prefetch(source + 2 * width);
    float* out = slab + i * width;
    // Sixteen at a time: past the width they fall on the next row, which is written later.
    int f = 0;
    for (; f < width && f + 16 <= rest; f += 16) unpack(source + f, scale, offset, out + f);
    for (; f < width; ++f) out[f] = f < rest ? source[f] * scale + offset : 0;
  }
}

inline void pack_bound(const RowsView& view, int first, int count, int column, int width,
                       float* slab) {
  if (view.input.bytes != nullptr) {
    pack_rows(view, view.input.bytes, first, count, column, width, slab);
  } else {
    pack_rows(view, view.input.floats, first, count, column, width, slab);
  }
}

// The same from a panel (inputs, kPanel) of activations.
inline void pack_panel(const float* panel, int inputs, int rows, int column, int width,
                       float* slab) {
  for (int f = 0; f < width; f += kLanes) {
    for (int i = 0; i < rows; i += kLanes) {
      Vec block[kLanes];
      for (int j = 0; j < kLanes; ++j) {
        const int feature = column + f + j;
        block[j] = feature < inputs ? load(panel + feature * std::int64_t{kPanel} + i) : Vec{};
      }
      transpose(block);
      const int count = std::min(kLanes, rows - i);
      for (int j = 0; j < count; ++j) store(slab + (i + j) * width + f, block[j]);
    }
  }
}

// Columns of the inputs that one slab holds.
struct Strip {
  int column, width;
};
NEURODE_INLINE Strip strip_of(const WeightGradient& task, int index, int strips) {
  const int vectors = (task.end - task.begin + kLanes - 1) / kLanes;
  const int first = vectors * index / strips, end = vectors * (index + 1) / strips;
  return {task.begin + first * kLanes, (end - first) * kLanes};
}

// A slab of panels [first, first + count), of which the first begins with row `row` of the bound
// data.
inline void pack_strip(const WeightGradient& task, const Strip& strip, int first, int count,
                       int row, float* slab) {
  for (int p = first; p < first + count; ++p) {
    const int rows = task.panel_rows[p];
    if (task.activation != nullptr) {
      pack_panel(task.activation + p * task.activation_step, task.inputs, rows, strip.column,
                 strip.width, slab);
    } else {
      pack_bound(task.rows, row, rows, strip.column, strip.width, slab);
    }
    row += rows;
    slab += rows * strip.width;
  }
}

// Sums of some units, `stride` floats apart.
struct UnitSums {
  float* data;
  std::int64_t stride;
};

// Adds panels [first, first + count) to the columns' gradient.
inline void accumulate_panels(const WeightGradient& task, int first, int count, const float* slab,
                              int width, int unit, int size, const UnitSums& sums) {
  Product product;
  product.a = task.gradient + first * task.gradient_step + unit * std::int64_t{kPanel};
  product.a_row = kPanel;
  product.a_k = 1;
  product.a_segment = task.gradient_step;
  product.b = slab;
  product.b_k = width;
  product.c = sums.data;
  product.c_row = sums.stride;
  product.segments = count;
  product.lengths = task.panel_rows + first;
  product.init = first == 0 && task.begins ? Init::zero : Init::output;
  product.bias = nullptr;
  kTiles[width / kLanes - 1][size - 1](product);
}

template <class Optimizer>
void backward_weights(const WeightGradient& task, const cpu::OptimizerStep& step, float* scratch) {
  const auto scalars =
      Optimizer::prepare(step.learning_rate, step.step, ops::params_of<Optimizer>(step.params));
  float* const slabs = scratch;
  float* const all_sums = scratch + (kSlabRows + 1) * kSlabWidth;
  const int strips = (task.end - task.begin + kSlabWidth - 1) / kSlabWidth;
  // Slabs of few rows fit the cache together: a unit's weights are then gone through in one go.
  int all_rows = 0;
  for (int p = 0; p < task.panels; ++p) all_rows += task.panel_rows[p];
  const int most_together = all_rows <= kFewSlabRows ? kCachedSlabRows / std::max(1, all_rows) : 1;
  for (int begin = 0; begin < strips; begin += most_together) {
    const int together = std::min(most_together, strips - begin);
    for (int first = 0, row = 0; first < task.panels;) {
      int count = 0, rows = 0;
      do {
        rows += task.panel_rows[first + count];
        ++count;
      } while (first + count < task.panels && rows + task.panel_rows[first + count] <= kSlabRows);
      for (int s = 0; s < together; ++s) {
        pack_strip(task, strip_of(task, begin + s, strips), first, count, row,
                   slabs + s * rows * kSlabWidth);
      }
      const bool only = count == task.panels;
      const bool last = first + count == task.panels && task.ends;
      split(task.unit_end - task.unit_begin, max_rows(kSlabVectors), [&](int m, int size) {
        const int unit = task.unit_begin + m;
        for (int s = 0; s < together; ++s) {
          const auto [column, width] = strip_of(task, begin + s, strips);
          const UnitSums sums =
              task.sums != nullptr
                  ? UnitSums{task.sums + unit * task.stride + column, task.stride}
                  : UnitSums{all_sums + (only ? 0 : m * std::int64_t{width}), width};
          accumulate_panels(task, first, count, slabs + s * rows * kSlabWidth, width, unit, size,
                            sums);
          for (int i = 0; last && i < size; ++i) {
            update_run<Optimizer>(task.kernel, sums.data + i * sums.stride, task.slots,
                                  (unit + i) * task.stride + column, width, step.keep, scalars);
          }
        }
      });
      first += count;
      row += rows;
    }
  }
}

// Adds the gradient of a unit's output to its sums, lane by lane.
NEURODE_INLINE Vec add_bias_gradient(const WeightGradient& task, int unit, Vec sum) {
  for (int p = 0; p < task.panels; ++p) {
    const float* row = task.gradient + p * task.gradient_step + unit * std::int64_t{kPanel};
    const int rows = task.panel_rows[p], whole = rows / kLanes * kLanes;
    for (int i = 0; i < whole; i += kLanes) sum += load(row + i);
    for (int i = whole; i < rows; ++i) sum[i - whole] += row[i];
  }
  return sum;
}

// Of each vector the sum that sum_lanes() gives.
NEURODE_INLINE Vec sums_of_lanes(Vec (&vectors)[kLanes]) {
  transpose(vectors);
  Vec sums = {};
  for (const Vec& lanes : vectors) sums += lanes;
  return sums;
}

// Sums of d output over the batch, of up to kAlignment units: lane by lane and then across lanes.
inline void sum_bias_gradients(const WeightGradient& task, int first, int units, float* sums) {
  for (int block = 0; block < units; block += kLanes) {
    Vec by_lane[kLanes] = {};
    for (int i = 0; i < std::min(kLanes, units - block); ++i) {
      const int unit = first + block + i;
      float* const kept =
          task.sums == nullptr ? nullptr : task.sums + std::int64_t{unit} * cpu::kAlignment;
      by_lane[i] = add_bias_gradient(task, unit, task.begins ? Vec{} : load(kept));
      if (!task.ends) store(kept, by_lane[i]);
    }
    if (task.ends) store(sums + block, sums_of_lanes(by_lane));
  }
}

// d bias, and its update.
template <class Optimizer>
void backward_bias(const WeightGradient& task, const cpu::OptimizerStep& step) {
  const auto scalars =
      Optimizer::prepare(step.learning_rate, step.step, ops::params_of<Optimizer>(step.params));
  for (int first = task.unit_begin; first < task.unit_end; first += cpu::kAlignment) {
    float sums[cpu::kAlignment] = {};
    sum_bias_gradients(task, first, std::min(cpu::kAlignment, task.unit_end - first), sums);
    if (task.ends) {
      update_run<Optimizer>(task.kernel, sums, task.slots, first, cpu::kAlignment, step.keep,
                            scalars);
    }
  }
}

struct WeightKernels {
  void (*weights)(const WeightGradient&, const cpu::OptimizerStep&, float*);
  void (*bias)(const WeightGradient&, const cpu::OptimizerStep&);
};

// By optimizer; kAddRow and kStoreRow come first.
constexpr WeightKernels kWeightKernels[] = {
    {backward_weights<ops::AddGradient>, backward_bias<ops::AddGradient>},
    {backward_weights<ops::StoreGradient>, backward_bias<ops::StoreGradient>},
#define NEURODE_ROW(name, Functor, ...) \
  {backward_weights<ops::Functor>, backward_bias<ops::Functor>},
    NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void dense_backward_weights(const WeightGradient& task, const cpu::OptimizerStep& step,
                                   float* scratch) {
  kWeightKernels[step.row - cpu::kAddRow].weights(task, step, scratch);
}

inline void dense_backward_bias(const WeightGradient& task, const cpu::OptimizerStep& step) {
  kWeightKernels[step.row - cpu::kAddRow].bias(task, step);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
