// Kernels that run one thread for each feature of each row of a batch.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// Converts a value to a class or an index and clamps it to [0, count).
NEURODE_DEVICE int index_of(float x, int count) {
  return x > 0 ? (x < static_cast<float>(count - 1) ? static_cast<int>(x) : count - 1) : 0;
}

// `Elements` has features(), the number of features in a row, and run(row, feature). A block
// handles kThreads features of one row.
template <class Elements>
__global__ __launch_bounds__(kThreads) void elements_of_kernel(Elements elements, int rows) {
  const int features = elements.features();
  const int columns = (features + kThreads - 1) / kThreads;
  for (std::int64_t block = blockIdx.x; block < static_cast<std::int64_t>(rows) * columns;
       block += gridDim.x) {
    const int row = static_cast<int>(block / columns);
    const int feature =
        static_cast<int>(block % columns) * kThreads + static_cast<int>(threadIdx.x);
    if (feature < features) elements.run(row, feature);
  }
}

template <class Elements>
void run_elements_of(Launcher& launcher, const Elements& elements, int rows) {
  constexpr std::int64_t kMostBlocks = 65535;
  const std::int64_t blocks =
      std::int64_t{rows} * ((elements.features() + kThreads - 1) / kThreads);
  launcher(elements_of_kernel<Elements>,
           dim3(static_cast<unsigned>(blocks < kMostBlocks ? blocks : kMostBlocks)), kThreads, 0,
           elements, rows);
}

}  // namespace neurode::cuda
