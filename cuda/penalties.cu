// Penalties of parameters.
#include <utility>

#include "cuda/kernels/finish.h"
#include "cuda/kernels/functors.h"
#include "cuda/parameters.h"
#include "cuda/penalties.h"

namespace neurode::cuda {
namespace {

// One block for each piece. Each thread handles four consecutive floats of the piece.
__global__ __launch_bounds__(kThreads) void penalty_kernel(Pieces pieces, double* penalties,
                                                           int learns) {
  const DeferredRecord& record = pieces.records[pieces.owners[blockIdx.x]];
  double sum = 0;
  if (record.regularizer.row >= 0) {
    const std::int64_t begin =
        (static_cast<std::int64_t>(blockIdx.x) - record.first_piece) * kPiece + threadIdx.x * 4;
    for (std::int64_t i = begin; i < begin + 4 && i < record.size; ++i) {
      const float value = record.weights.values[i];
      sum += penalty_value(record.regularizer, value);
      const bool is_padding = i >= record.padding_begin && i < record.padding_end;
      if (learns != 0 && !is_padding)
        record.gradient[i] += penalty_slope(record.regularizer, value);
    }
  }
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) penalties[blockIdx.x] = sum;
}

NEURODE_DEVICE std::int64_t place_of(const MatrixRecord& matrix, int vector, int element) {
  return vector * static_cast<std::int64_t>(matrix.step) +
         element * static_cast<std::int64_t>(matrix.element_step);
}

__global__ __launch_bounds__(kThreads) void inverse_norms_kernel(MatrixRecord matrix) {
  const int vector = static_cast<int>(blockIdx.x);
  double sum = 0;
  for (int e = static_cast<int>(threadIdx.x); e < matrix.size; e += kThreads) {
    const double value = matrix.values[place_of(matrix, vector, e)];
    sum += value * value;
  }
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) matrix.inverse_norms[vector] = ops::Orthogonal::inverse_norm(sum);
}

// One block for each vector w_i. With q_i = w_i / |w_i|,
// value = c sum over j of |q_i q_j|, and
// d w_i = 2 c / |w_i| (sum over j of sign(q_i q_j) q_j - q_i sum over j of |q_i q_j|).
__global__ __launch_bounds__(kThreads) void orthogonal_kernel(MatrixRecord matrix, int learns) {
  __shared__ float slopes[kThreads];
  const int thread = static_cast<int>(threadIdx.x), own = static_cast<int>(blockIdx.x);
  const float weight = ops::Orthogonal::weight(
      matrix.vectors, ops::params_of<ops::Orthogonal>(matrix.regularizer.params));
  const float inverse = matrix.inverse_norms[own], scale = 2 * weight * inverse;
  double sum = 0;
  for (int first = 0; first < matrix.vectors; first += kThreads) {
    const int other = first + thread;
    float slope = 0;
    if (other < matrix.vectors && other != own) {
      float product = 0;
      for (int e = 0; e < matrix.size; ++e)
        product +=
            matrix.values[place_of(matrix, own, e)] * matrix.values[place_of(matrix, other, e)];
      const float cosine = product * inverse * matrix.inverse_norms[other];
      sum += cosine < 0 ? -cosine : cosine;
      slope = ops::sign(cosine) * matrix.inverse_norms[other];
    }
    slopes[thread] = slope;
    __syncthreads();
    const int count = matrix.vectors - first < kThreads ? matrix.vectors - first : kThreads;
    for (int e = thread; learns != 0 && e < matrix.size; e += kThreads) {
      float along = 0;
      for (int j = 0; j < count; ++j)
        along += slopes[j] * matrix.values[place_of(matrix, first + j, e)];
      matrix.gradient[place_of(matrix, own, e)] += scale * along;
    }
    __syncthreads();
  }
  sum = sum_of_block(sum);
  if (thread == 0) matrix.penalties[own] = weight * sum;
  const float itself = scale * static_cast<float>(sum) * inverse;
  for (int e = thread; learns != 0 && e < matrix.size; e += kThreads) {
    const std::int64_t place = place_of(matrix, own, e);
    matrix.gradient[place] -= itself * matrix.values[place];
  }
}

__global__ __launch_bounds__(kThreads) void add_penalties_kernel(const double* penalties, int count,
                                                                 int rows, double* to) {
  double sum = 0;
  for (int i = static_cast<int>(threadIdx.x); i < count; i += kThreads) sum += penalties[i];
  sum = sum_of_block(sum);
  if (threadIdx.x == 0) *to += sum * rows;
}

}  // namespace

Penalties::Penalties(MemoryPool& pool, const std::vector<DeferredRecord>& parameters,
                     std::vector<MatrixRecord> matrices, const Pieces& pieces)
    : matrices_(std::move(matrices)), pieces_(pieces) {
  for (const DeferredRecord& parameter : parameters)
    any_pointwise_ = any_pointwise_ || parameter.regularizer.row >= 0;
  if (!any_pointwise_) pieces_.count = 0;
  values_ = pieces_.count;
  for (const MatrixRecord& matrix : matrices_) values_ += matrix.vectors;
  if (values_ == 0) return;
  memory_ = DeviceMemory(pool, values_ * static_cast<std::int64_t>(sizeof(double) + sizeof(float)),
                         "penalties of parameters");
  double* penalties = memory_.as<double>() + pieces_.count;
  float* norms = reinterpret_cast<float*>(memory_.as<double>() + values_);
  for (MatrixRecord& matrix : matrices_) {
    matrix.penalties = penalties;
    matrix.inverse_norms = norms;
    penalties += matrix.vectors;
    norms += matrix.vectors;
  }
}

void Penalties::run(Launcher& launcher, TaskKind kind, bool learns) const {
  const int adds = learns ? 1 : 0;
  if (kind == TaskKind::penalty && any_pointwise_)
    launcher(penalty_kernel, dim3(static_cast<unsigned>(pieces_.count)), kThreads, 0, pieces_,
             memory_.as<double>(), adds);
  if (kind != TaskKind::matrix_penalty) return;
  for (const MatrixRecord& matrix : matrices_) {
    const dim3 blocks(static_cast<unsigned>(matrix.vectors));
    launcher(inverse_norms_kernel, blocks, kThreads, 0, matrix);
    launcher(orthogonal_kernel, blocks, kThreads, 0, matrix, adds);
  }
}

void Penalties::measure(Launcher& launcher) const {
  run(launcher, TaskKind::penalty, false);
  run(launcher, TaskKind::matrix_penalty, false);
}

void Penalties::add(Launcher& launcher, int rows, double* sum) const {
  if (values_ == 0) return;
  launcher(add_penalties_kernel, dim3(1), kThreads, 0, memory_.as<double>(), values_, rows, sum);
}

}  // namespace neurode::cuda
