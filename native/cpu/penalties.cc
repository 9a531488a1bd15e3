// Regularizers and constraints of parameters on the CPU. Whole rows or columns of a matrix are cut
// among the threads; values are added up in an order that is the same for any number of them.
#include <cmath>

#include "native/cpu/executor.h"
#include "native/engine/op_table.h"
#include "native/ops/regularizers.h"
#include "native/ops/updates.h"

namespace neurode::cpu {

using NEURODE_ISA_NAMESPACE::ops::norm_factor;
using NEURODE_ISA_NAMESPACE::ops::Orthogonal;
using NEURODE_ISA_NAMESPACE::ops::sign;

// Without `learns` only the penalty's value is wanted.
void CpuExecutor::penalize(const Piece& piece, bool learns) {
  Weights& weights = weights_[piece.parameter];
  weights.penalties[piece.begin / kPiece] = kernels_.penalize(
      *program_.parameters[piece.parameter].regularizer, weights.values.data() + piece.begin,
      learns ? weights.gradient.data() + piece.begin : nullptr, piece.count);
}

CpuExecutor::Matrix CpuExecutor::matrix_of(int parameter) const {
  const Parameter& of = program_.parameters[parameter];
  const bool is_kernel = of.layout == Layout::kernel;
  return {is_kernel ? of.columns : of.rows, is_kernel ? of.rows : of.columns,
          weights_[parameter].stride};
}

// A thread's floats for penalize_matrix: two panels of vectors, and their norms.
std::int64_t CpuExecutor::penalty_scratch() const {
  std::int64_t floats = 0;
  for (const Parameter& parameter : program_.parameters) {
    if (!parameter.regularizer || !is_of_matrices(*parameter.regularizer)) continue;
    const std::int64_t longest = std::max(parameter.rows, parameter.columns);
    floats = std::max(floats, longest * (2 * kPanel + 1));
  }
  return floats;
}

// With q_i = w_i / |w_i|, value = c sum over i, j of |q_i q_j|, and
// d w_i = 2 c / |w_i| (sum over j of sign(q_i q_j) q_j - q_i sum over j of |q_i q_j|).
// Panels of 64 vectors w_i go through the products of dense layers with the parameter as kernel.
void CpuExecutor::penalize_matrix(int parameter, int thread, int threads, bool learns) {
  Weights& weights = weights_[parameter];
  const Op& op = *program_.parameters[parameter].regularizer;
  const Matrix matrix = matrix_of(parameter);
  const bool is_kernel = program_.parameters[parameter].layout == Layout::kernel;
  const bool along_lines = (op.params[1] != 0) == is_kernel;  // a vector is a line in memory
  const int vectors = along_lines ? matrix.lines : matrix.length;
  const int size = along_lines ? matrix.length : matrix.lines;
  const float* const values = weights.values.data();
  const auto at = [&](int vector, int element) {
    return along_lines ? vector * matrix.stride + element : element * matrix.stride + vector;
  };
  const float weight = Orthogonal::weight(vectors, op.params.data());

  const std::int64_t panel = std::int64_t{std::max(vectors, size)} * kPanel;
  float* const own = scratch_[thread].data();  // vectors of the panel, then d of them
  float* const products = own + panel;
  float* const inverse = products + panel;
  for (int v = 0; v < vectors; ++v) {
    double squares = 0;
    for (int e = 0; e < size; ++e) squares += double{values[at(v, e)]} * values[at(v, e)];
    inverse[v] = Orthogonal::inverse_norm(squares);
  }
  const int lanes = kPanel;
  const Panels panels{1, &lanes, 0};
  const auto times = [&](bool kernel, const float* from, float* to) {
    if (kernel) {
      kernels_.dense_forward(values, matrix.stride, nullptr, matrix.length, matrix.lines, panels,
                             from, to);
    } else {
      kernels_.dense_backward_input(values, matrix.stride, matrix.length, matrix.lines, panels,
                                    from, to);
    }
  };

  const Part mine = part((vectors + kPanel - 1) / kPanel, thread, threads);
  for (int first = mine.begin * kPanel; first < std::min(mine.end * kPanel, vectors);
       first += kPanel) {
    const int count = std::min(kPanel, vectors - first);
    for (int e = 0; e < size; ++e) {
      for (int i = 0; i < kPanel; ++i)
        own[e * kPanel + i] = i < count ? values[at(first + i, e)] : 0;
    }
    times(along_lines, own, products);
    double sums[kPanel] = {};
    for (int v = 0; v < vectors; ++v) {
      float* const line = products + v * std::int64_t{kPanel};
      for (int i = 0; i < kPanel; ++i) {
        const bool is_itself = v == first + i;
        const float cosine =
            i < count && !is_itself ? line[i] * inverse[v] * inverse[first + i] : 0;
        sums[i] += std::fabs(cosine);
        line[i] = sign(cosine) * inverse[v];
      }
    }
    for (int i = 0; i < count; ++i) weights.penalties[first + i] = weight * sums[i];
    if (!learns) continue;
    times(!along_lines, products, own);
    for (int e = 0; e < size; ++e) {
      for (int i = 0; i < count; ++i) {
        const float scale = 2 * weight * inverse[first + i];
        const float itself = static_cast<float>(sums[i]) * inverse[first + i];
        const std::int64_t place = at(first + i, e);
        weights.gradient.data()[place] += scale * (own[e * kPanel + i] - itself * values[place]);
      }
    }
  }
}

// The values of all penalties, where no update wants their gradients.
void CpuExecutor::measure_penalties(const TrainingSegment& segment, int thread, int threads) {
  if (segment.axis == Axis::outputs) {
    for (const Task& task : segment.tasks) {
      if (task.kind == TaskKind::matrix_penalty)
        penalize_matrix(task.parameter, thread, threads, false);
    }
    return;
  }
  const Part mine = part(static_cast<int>(segment.pieces.size()), thread, threads);
  for (int i = mine.begin; i < mine.end; ++i) {
    const Piece& piece = segment.pieces[i];
    if (segment.tasks[piece.first_task].kind == TaskKind::penalty) penalize(piece, false);
  }
}

double CpuExecutor::penalty() const {
  double sum = 0;
  for (const Weights& weights : weights_) {
    for (const double value : weights.penalties) sum += value;
  }
  return sum;
}

void CpuExecutor::constrain(int parameter, int thread, int threads) {
  const Constraint& constraint = program_.parameters[parameter].constraint;
  const auto factor = [&](double squares) {
    return norm_factor(squares, constraint.least, constraint.most, constraint.rate);
  };
  const Along& along = constraint.along;
  Weights& weights = weights_[parameter];
  float* const values = weights.values.data();
  if (along.length == 0) {  // one norm of all: padding is 0
    if (thread > 0) return;
    double squares = 0;
    for (std::int64_t i = 0; i < weights.size; i += kPiece)
      squares += kernels_.sum_of_squares(
          values + i, static_cast<int>(std::min<std::int64_t>(kPiece, weights.size - i)));
    const float scale = factor(squares);
    for (std::int64_t i = 0; i < weights.size; ++i) values[i] *= scale;
    return;
  }
  // Groups of `length` elements `step` apart; the next group is 1 or `length` elements further.
  const auto scale_group = [&](float* first, int length, std::int64_t step) {
    double squares = 0;
    for (int i = 0; i < length; ++i) squares += double{first[i * step]} * first[i * step];
    const float scale = factor(squares);
    for (int i = 0; i < length; ++i) first[i * step] *= scale;
  };
  if (program_.parameters[parameter].layout == Layout::vector) {
    const int groups = program_.parameters[parameter].columns / along.length;
    const Part mine = part(groups, thread, threads);
    for (int g = mine.begin; g < mine.end; ++g) {
      const std::int64_t outer = g / along.inner, inner = g % along.inner;
      scale_group(values + outer * along.length * along.inner + inner, along.length, along.inner);
    }
    return;
  }
  const Matrix matrix = matrix_of(parameter);
  const bool is_kernel = program_.parameters[parameter].layout == Layout::kernel;
  const bool of_rows = along.inner == 1 && along.length == program_.parameters[parameter].columns;
  if (of_rows != is_kernel) {
    const Part mine = part(matrix.lines, thread, threads);
    for (int line = mine.begin; line < mine.end; ++line) {
      float* const first = values + line * matrix.stride;
      const int padded = round_up(matrix.length, kAlignment);
      kernels_.scale(first, factor(kernels_.sum_of_squares(first, padded)), padded);
    }
    return;
  }
  const Part mine = part(round_up(matrix.length, kGroup) / kGroup, thread, threads);
  for (int first = mine.begin * kGroup; first < mine.end * kGroup; first += kGroup) {
    double squares[kGroup] = {};
    float scales[kGroup];
    for (int line = 0; line < matrix.lines; ++line) {
      const float* const from = values + line * matrix.stride + first;
      for (int i = 0; i < kGroup; ++i) squares[i] += double{from[i]} * from[i];
    }
    for (int i = 0; i < kGroup; ++i) scales[i] = factor(squares[i]);
    for (int line = 0; line < matrix.lines; ++line) {
      float* const to = values + line * matrix.stride + first;
      for (int i = 0; i < kGroup; ++i) to[i] *= scales[i];
    }
  }
}

}  // namespace neurode::cpu
