// Penalties of parameters on the CPU: their values, and what they add to gradients in the arena.
#include "native/cpu/penalties.h"

#include <algorithm>
#include <cmath>

#include "native/cpu/cuts.h"
#include "native/engine/op_table.h"
#include "native/ops/regularizers.h"

namespace neurode::cpu {
namespace {

using NEURODE_ISA_NAMESPACE::ops::Orthogonal;
using NEURODE_ISA_NAMESPACE::ops::params_of;
using NEURODE_ISA_NAMESPACE::ops::sign;

}  // namespace

Penalties::Penalties(const Program& program, Parameters& parameters, const Kernels& kernels)
    : program_(program),
      parameters_(parameters),
      kernels_(kernels),
      values_(program.parameters.size()) {
  for (int i = 0; i < parameters.count(); ++i) {
    const Parameter& parameter = program.parameters[i];
    if (!parameter.regularizer || parameter.update != Update::deferred) continue;
    if (!is_of_matrices(*parameter.regularizer)) {
      values_[i].resize(parameters[i].pieces());
      continue;
    }
    values_[i].resize(is_of_columns(*parameter.regularizer) ? parameter.columns : parameter.rows);
    // Two panels of vectors, and the norms of all.
    const std::int64_t longest = std::max(parameter.rows, parameter.columns);
    scratch_floats_ = std::max(scratch_floats_, longest * (2 * kPanel + 1));
  }
}

void Penalties::reserve(int threads) {
  if (scratch_floats_ == 0) return;
  while (static_cast<int>(scratch_.size()) < threads) scratch_.emplace_back(scratch_floats_);
}

void Penalties::run_on_piece(int parameter, std::int64_t begin, int count, bool learns) {
  ParameterMemory& memory = parameters_[parameter];
  values_[parameter][begin / kPiece] =
      kernels_.penalize(*program_.parameters[parameter].regularizer, memory.values.data() + begin,
                        learns ? parameters_.gradient(parameter) + begin : nullptr, count);
}

// With q_i = w_i / |w_i|, value = c sum over i, j of |q_i q_j|, and
// d w_i = 2 c / |w_i| (sum over j of sign(q_i q_j) q_j - q_i sum over j of |q_i q_j|).
// Panels of 64 vectors w_i go through the products of dense layers with the parameter as kernel.
void Penalties::run_on_matrix(int parameter, int thread, int threads, bool learns) {
  ParameterMemory& memory = parameters_[parameter];
  std::vector<double>& penalties = values_[parameter];
  const Op& op = *program_.parameters[parameter].regularizer;
  const Matrix matrix = parameters_.matrix(parameter);
  const bool is_kernel = program_.parameters[parameter].layout == Layout::kernel;
  const bool along_lines = is_of_columns(op) == is_kernel;  // a vector is a line in memory
  const int vectors = along_lines ? matrix.lines : matrix.length;
  const int size = along_lines ? matrix.length : matrix.lines;
  const float* const values = memory.values.data();
  const auto at = [&](int vector, int element) {
    return along_lines ? vector * matrix.stride + element : element * matrix.stride + vector;
  };
  const float weight = Orthogonal::weight(vectors, params_of<Orthogonal>(op.params.data()));

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
    for (int i = 0; i < count; ++i) penalties[first + i] = weight * sums[i];
    if (!learns) continue;
    times(!along_lines, products, own);
    for (int e = 0; e < size; ++e) {
      for (int i = 0; i < count; ++i) {
        const float scale = 2 * weight * inverse[first + i];
        const float itself = static_cast<float>(sums[i]) * inverse[first + i];
        const std::int64_t place = at(first + i, e);
        parameters_.gradient(parameter)[place] +=
            scale * (own[e * kPanel + i] - itself * values[place]);
      }
    }
  }
}

void Penalties::add_gradient(const Piece& piece) {
  run_on_piece(piece.parameter, piece.begin, piece.count, true);
}

void Penalties::add_matrix_gradient(int parameter, int thread, int threads) {
  run_on_matrix(parameter, thread, threads, true);
}

void Penalties::measure(int thread, int threads) {
  for (int i = 0; i < parameters_.count(); ++i) {
    if (values_[i].empty()) continue;
    if (is_of_matrices(*program_.parameters[i].regularizer)) {
      run_on_matrix(i, thread, threads, false);
      continue;
    }
    const std::int64_t size = parameters_[i].size;
    const Part mine = part(parameters_[i].pieces(), thread, threads);
    for (std::int64_t begin = std::int64_t{mine.begin} * kPiece;
         begin < std::int64_t{mine.end} * kPiece && begin < size; begin += kPiece)
      run_on_piece(i, begin, static_cast<int>(std::min<std::int64_t>(kPiece, size - begin)), false);
  }
}

double Penalties::sum() const {
  double sum = 0;
  for (const std::vector<double>& values : values_) {
    for (const double value : values) sum += value;
  }
  return sum;
}

}  // namespace neurode::cpu
