// Kernels for tasks that move, repeat or count the features of a row.
#include "cuda/kernels/elements.h"
#include "cuda/kernels/functors.h"
#include "cuda/kernels/rearrangement.h"

namespace neurode::cuda {
namespace {

// The input feature that moves to `feature` of the output (outer, columns, rows, inner).
NEURODE_DEVICE int transposed(const Block& block, int feature) {
  const int i = feature % block.inner, at = feature / block.inner;
  const int r = at % block.rows, c = at / block.rows % block.columns,
            outer = at / block.rows / block.columns;
  return ((outer * block.rows + r) * block.columns + c) * block.inner + i;
}

NEURODE_DEVICE float sum_of_repeats(const RearrangementRecord& r, int row, int feature) {
  float sum = 0;
  for (int k = 0; k < r.block.rows; ++k) sum += r.input.at(row, k * r.features + feature);
  return sum;
}

NEURODE_DEVICE float encoded(const RearrangementRecord& r, int row, int feature) {
  const int first = feature / r.block.columns * r.block.rows, category = feature % r.block.columns;
  float count = 0;
  for (int i = 0; i < r.block.rows; ++i)
    count += index_of(r.input.at(row, first + i), r.block.columns) == category ? 1.0f : 0.0f;
  return r.counts != 0 || count == 0 ? count : 1.0f;
}

// The element of `tensor`, which has `features` features per position, that is feature `feature` of
// row `row` when all positions of a row are counted together.
NEURODE_DEVICE float& grouped(const RearrangementRecord& r, const Tensor& tensor, int features,
                              int row, int feature) {
  return tensor.at(row * (r.features / features) + feature / features, feature % features);
}

// A feature of the wide side of a block, some columns of which are on the narrow side.
struct WideFeature {
  int row, column;  // column: counted from the first of the narrow side
  NEURODE_DEVICE WideFeature(const RearrangementRecord& r, int features, int feature)
      : row(feature / (features / r.block.rows)),
        column(feature % (features / r.block.rows) - r.begin) {}
};

// The feature of the wide side that corresponds to a feature of the narrow side.
NEURODE_DEVICE int wide_feature(const RearrangementRecord& r, int features, int feature) {
  const int row = feature / r.block.columns, column = feature % r.block.columns;
  return row * (features / r.block.rows) + r.begin + column;
}

struct RearrangementElements {
  RearrangementRecord r;

  // Of the output, but of the input if the task writes a part of its output.
  __host__ __device__ int features() const {
    return r.kind == TaskKind::place ? r.input_features : r.features;
  }

  NEURODE_DEVICE void run(int row, int feature) const {
    switch (r.kind) {
      case TaskKind::regroup:
        grouped(r, r.output, r.output_features, row, feature) =
            grouped(r, r.input, r.input_features, row, feature);
        break;
      case TaskKind::transpose:
        r.output.at(row, feature) = r.input.at(row, transposed(r.block, feature));
        break;
      case TaskKind::repeat:
        r.output.at(row, feature) = r.input.at(row, feature % r.input_features);
        break;
      case TaskKind::repeat_backward:
        r.output.at(row, feature) = sum_of_repeats(r, row, feature);
        break;
      case TaskKind::encode:
        r.output.at(row, feature) = encoded(r, row, feature);
        break;
      case TaskKind::place:
        r.output.at(row, wide_feature(r, r.features, feature)) = r.input.at(row, feature);
        break;
      case TaskKind::take:
        r.output.at(row, feature) = r.input.at(row, wide_feature(r, r.input_features, feature));
        break;
      case TaskKind::take_backward: {
        const WideFeature wide(r, r.features, feature);
        const bool is_there = wide.column >= 0 && wide.column < r.block.columns;
        r.output.at(row, feature) =
            is_there ? r.input.at(row, wide.row * r.block.columns + wide.column) : 0;
        break;
      }
      default:
        break;
    }
  }
};

}  // namespace

void run_rearrangement(Launcher& launcher, const RearrangementRecord& record,
                       const StepRecord& step) {
  run_elements_of(launcher, RearrangementElements{record}, step.rows);
}

}  // namespace neurode::cuda
