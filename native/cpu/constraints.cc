// Constraints of norms on the CPU: groups of a parameter's elements are scaled back into their
// bounds.
#include <algorithm>

#include "native/cpu/cuts.h"
#include "native/cpu/updates.h"
#include "native/ops/updates.h"

namespace neurode::cpu {
namespace {

// What a group of elements with this sum of squares is multiplied by.
float factor_of(const Constraint& constraint, double squares) {
  return NEURODE_ISA_NAMESPACE::ops::norm_factor(squares, constraint.least, constraint.most,
                                                 constraint.rate);
}

// All elements are one group; the zeros between them do no harm.
void constrain_all(const Constraint& constraint, const Kernels& kernels, ParameterMemory& memory) {
  float* const values = memory.values.data();
  double squares = 0;
  for (std::int64_t i = 0; i < memory.size; i += kPiece)
    squares += kernels.sum_of_squares(
        values + i, static_cast<int>(std::min<std::int64_t>(kPiece, memory.size - i)));
  const float scale = factor_of(constraint, squares);
  for (std::int64_t i = 0; i < memory.size; ++i) values[i] *= scale;
}

// Groups [mine.begin, mine.end) of a vector, whose elements are `inner` apart.
void constrain_vector(const Constraint& constraint, const Part& mine, float* values) {
  const Along& along = constraint.along;
  for (int g = mine.begin; g < mine.end; ++g) {
    const std::int64_t outer = g / along.inner, inner = g % along.inner;
    float* const first = values + outer * along.length * along.inner + inner;
    double squares = 0;
    for (int i = 0; i < along.length; ++i)
      squares += double{first[i * along.inner]} * first[i * along.inner];
    const float scale = factor_of(constraint, squares);
    for (int i = 0; i < along.length; ++i) first[i * along.inner] *= scale;
  }
}

// Each line in memory is a group.
void constrain_lines(const Constraint& constraint, const Kernels& kernels, const Matrix& matrix,
                     const Part& mine, float* values) {
  for (int line = mine.begin; line < mine.end; ++line) {
    float* const first = values + line * matrix.stride;
    const int padded = round_up(matrix.length, kAlignment);
    kernels.scale(first, factor_of(constraint, kernels.sum_of_squares(first, padded)), padded);
  }
}

// Elements at the same place of all lines are a group; kGroup places at a time.
void constrain_across_lines(const Constraint& constraint, const Matrix& matrix, const Part& mine,
                            float* values) {
  for (int first = mine.begin * kGroup; first < mine.end * kGroup; first += kGroup) {
    double squares[kGroup] = {};
    float scales[kGroup];
    for (int line = 0; line < matrix.lines; ++line) {
      const float* const from = values + line * matrix.stride + first;
      for (int i = 0; i < kGroup; ++i) squares[i] += double{from[i]} * from[i];
    }
    for (int i = 0; i < kGroup; ++i) scales[i] = factor_of(constraint, squares[i]);
    for (int line = 0; line < matrix.lines; ++line) {
      float* const to = values + line * matrix.stride + first;
      for (int i = 0; i < kGroup; ++i) to[i] *= scales[i];
    }
  }
}

}  // namespace

void Updates::constrain(int index, int thread, int threads) {
  const Parameter& parameter = program_.parameters[index];
  const Constraint& constraint = parameter.constraint;
  const Along& along = constraint.along;
  float* const values = parameters_[index].values.data();
  if (along.length == 0) {
    if (thread == 0) constrain_all(constraint, kernels_, parameters_[index]);
    return;
  }
  if (parameter.layout == Layout::vector) {
    const Part mine = part(parameter.columns / along.length, thread, threads);
    return constrain_vector(constraint, mine, values);
  }
  const Matrix matrix = parameters_.matrix(index);
  const bool of_rows = along.inner == 1 && along.length == parameter.columns;
  if (of_rows != (parameter.layout == Layout::kernel)) {
    const Part mine = part(matrix.lines, thread, threads);
    return constrain_lines(constraint, kernels_, matrix, mine, values);
  }
  const Part mine = part(round_up(matrix.length, kGroup) / kGroup, thread, threads);
  constrain_across_lines(constraint, matrix, mine, values);
}

}  // namespace neurode::cpu
