// Rounds matrices to bfloat16.
#include <algorithm>

#include "cuda/kernels/sources.h"
#include "cuda/wide/copies.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kMostBlocks = 65535;

// If from.data is null, rounds the rows of the batch in the bound data.
__global__ __launch_bounds__(kThreads) void round_kernel(MatrixSource from, const RunState* state,
                                                         int rows, int features, Copy to) {
  const int quads = (features + 3) / 4;
  const std::int64_t all = static_cast<std::int64_t>(rows) * quads;
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x; i < all;
       i += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    const int row = static_cast<int>(i / quads), column = static_cast<int>(i % quads) * 4;
    const float4 v = from.data != nullptr ? from.load(row, rows, column, features)
                                          : BoundSource(*state).load(row, rows, column, features);
    *reinterpret_cast<uint2*>(to.data + row * static_cast<std::int64_t>(to.stride) + column) =
        make_uint2(to_bfloat16s(v.x, v.y), to_bfloat16s(v.z, v.w));
  }
}

}  // namespace

void round_to_bfloat16(Launcher& launcher, const Tensor& from, const RunState* state, int rows,
                       int features, const Copy& to) {
  const std::int64_t quads = std::int64_t{rows} * ((features + 3) / 4);
  const auto blocks = std::min(kMostBlocks, (quads + kThreads - 1) / kThreads);
  launcher(round_kernel, dim3(static_cast<unsigned>(blocks)), kThreads, 0,
           MatrixSource{from.data, from.stride}, state, rows, features, to);
}

}  // namespace neurode::cuda
