// Kernels of the parts of a batch.
#include "cuda/kernels/parts.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kMostBlocks = 65535;

// Calls run(i) for the elements of a thread.
template <class Run>
NEURODE_DEVICE void each_element(std::int64_t count, Run run) {
  const std::int64_t step = std::int64_t{gridDim.x} * kThreads;
  for (std::int64_t i = std::int64_t{blockIdx.x} * kThreads + threadIdx.x; i < count; i += step)
    run(i);
}

__global__ __launch_bounds__(kThreads) void add_array_kernel(float* to, const float* from,
                                                             std::int64_t count) {
  each_element(count, [=](std::int64_t i) { to[i] += from[i]; });
}

__global__ __launch_bounds__(kThreads) void scale_array_kernel(float* to, const float* from,
                                                               std::int64_t count, float factor,
                                                               float divisor) {
  each_element(count, [=](std::int64_t i) { to[i] = from[i] * factor / divisor; });
}

__global__ void begin_part_kernel(RunState* state, int first_row) {
  state->position += first_row - state->first_row;
  state->first_row = first_row;
}

dim3 blocks_of(std::int64_t count) {
  const std::int64_t blocks = (count + kThreads - 1) / kThreads;
  return dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks));
}

}  // namespace

void begin_part(Launcher& launcher, RunState* state, int first_row) {
  launcher(begin_part_kernel, dim3(1), 1, 0, state, first_row);
}

void add_array(Launcher& launcher, float* to, const float* from, std::int64_t count) {
  if (count > 0) launcher(add_array_kernel, blocks_of(count), kThreads, 0, to, from, count);
}

void scale_array(Launcher& launcher, float* to, const float* from, std::int64_t count, float factor,
                 float divisor) {
  launcher(scale_array_kernel, blocks_of(count), kThreads, 0, to, from, count, factor, divisor);
}

}  // namespace neurode::cuda
