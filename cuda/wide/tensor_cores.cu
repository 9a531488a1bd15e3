// Kernels of wide layers' products on tensor cores.
#include <algorithm>
#include <string>

#include "cuda/kernels/finish.h"
#include "cuda/wide/finish_products.h"
#include "cuda/wide/tensor_cores.h"
#include "cuda/wide/tensor_product.h"

namespace neurode::cuda {
namespace {

constexpr int kWorthASplit = 96;  // with this many tiles a launch occupies the device well enough
constexpr int kLeastRowsOfASplit = 256;
constexpr int kMostSplits = 16;

const char* name_of(Precision precision) {
  return precision == Precision::tf32 ? "tf32" : "bfloat16";
}

int tiles(int count) { return (count + kTile - 1) / kTile; }

dim3 grid(int rows, int columns) {
  return dim3(static_cast<unsigned>(tiles(columns)), static_cast<unsigned>(tiles(rows)));
}

template <class E>
__global__ __launch_bounds__(kThreads) void tensor_forward_kernel(ForwardProduct p) {
  const int m = static_cast<int>(blockIdx.y) * kTile, n = static_cast<int>(blockIdx.x) * kTile;
  TensorSums sums;
  multiply_on_tensor_cores<E, true, false>(p.input, m, p.rows, p.kernel, n, p.units, 0, p.inputs,
                                           dynamic_shared<char>(), sums);
  sums.each([&](int y, int x, float first, float second) {
    finish_pair(p, m + y, n + x, first, second);
  });
}

template <class E>
__global__ __launch_bounds__(kThreads) void tensor_backward_input_kernel(BackwardProduct p) {
  const int m = static_cast<int>(blockIdx.y) * kTile, n = static_cast<int>(blockIdx.x) * kTile;
  TensorSums sums;
  multiply_on_tensor_cores<E, true, true>(p.gradient, m, p.rows, p.kernel, n, p.inputs, 0, p.units,
                                          dynamic_shared<char>(), sums);
  sums.each([&](int y, int x, float first, float second) {
    finish_pair(p, m + y, n + x, first, second);
  });
}

// Writes the tile's partial sums of this part of the batch. The block that finishes last adds the
// partial sums of all parts, in order. Returns whether `sums` are complete.
NEURODE_DEVICE bool add_parts(TensorSums& sums, int tile, std::uint32_t* counters,
                              float* partials) {
  const int splits = static_cast<int>(gridDim.y);
  if (splits == 1) return true;
  float* const parts = partials + static_cast<std::int64_t>(tile) * splits * kTile * kTile;
  float* const mine = parts + static_cast<int>(blockIdx.y) * kTile * kTile;
  sums.each([&](int y, int x, float first, float second) {
    *reinterpret_cast<float2*>(mine + y * kTile + x) = make_float2(first, second);
  });
  if (!is_last_block(counters + tile, splits)) return false;
  sums.each([&](int y, int x, float& first, float& second) {
    first = second = 0;
    for (int split = 0; split < splits; ++split) {
      const float* const part = parts + (split * kTile + y) * kTile + x;
      first += __ldcg(part);
      second += __ldcg(part + 1);
    }
  });
  if (threadIdx.x == 0) counters[tile] = 0;
  return true;
}

template <class E>
__global__ __launch_bounds__(kThreads) void tensor_backward_weights_kernel(WeightsProduct p,
                                                                           int tile_count,
                                                                           std::uint32_t* counters,
                                                                           float* partials) {
  const float rate = p.state->learning_rates[p.state->index];
  const int tile = static_cast<int>(blockIdx.x);
  if (tile >= tile_count) {
    if (blockIdx.y == 0) finish_bias<E>(p, rate, (tile - tile_count) * kBiasUnits);
    return;
  }
  constexpr int kK = Elements<E>::kK;
  const int across = (p.units + kTile - 1) / kTile, splits = static_cast<int>(gridDim.y);
  const int m = tile / across * kTile, n = tile % across * kTile;
  const int each = ((p.rows + splits - 1) / splits + kK - 1) / kK * kK;
  const int begin = static_cast<int>(blockIdx.y) * each;
  const int end = begin + each < p.rows ? begin + each : p.rows;
  TensorSums sums;
  multiply_on_tensor_cores<E, false, false>(p.input, m, p.inputs, p.gradient, n, p.units, begin,
                                            end, dynamic_shared<char>(), sums);
  if (!add_parts(sums, tile, counters, partials)) return;
  sums.each([&](int y, int x, float first, float second) {
    const float gradients[] = {first, second};
    finish_weights(p, rate, m + y, n + x, 2, gradients);
  });
}

// The slabs take 48 KiB. With the kernel's static shared memory, that is more than the default
// limit of a block, so a higher limit is set.
template <class Kernel, class... Arguments>
void launch_tensor(Launcher& launcher, Kernel kernel, dim3 grid, const Arguments&... arguments) {
  check(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kTensorShared),
        "asking for shared memory");
  launcher(kernel, grid, kThreads, kTensorShared, arguments...);
}

}  // namespace

void check_tensor_cores(const Device& device, Precision precision) {
  if (precision == Precision::float32) return;
  cudaDeviceProp properties;
  check(cudaGetDeviceProperties(&properties, device.ordinal), "asking for its properties");
  if (properties.major >= 8) return;
  throw Error("ERR_ARGUMENT",
              std::string("precision: '") + name_of(precision) +
                  "' takes a CUDA device of compute capability 8.0 or newer, cuda:" +
                  std::to_string(device.ordinal) + " has " + std::to_string(properties.major) +
                  "." + std::to_string(properties.minor));
}

template <class E>
void tensor_forward(Launcher& launcher, const ForwardProduct& product) {
  launch_tensor(launcher, tensor_forward_kernel<E>, grid(product.rows, product.units), product);
}

template <class E>
void tensor_backward_input(Launcher& launcher, const BackwardProduct& product) {
  launch_tensor(launcher, tensor_backward_input_kernel<E>, grid(product.rows, product.inputs),
                product);
}

WeightsSplit::WeightsSplit(int rows, int inputs, int units)
    : tiles(cuda::tiles(inputs) * cuda::tiles(units)),
      splits(std::clamp(std::min(2 * kWorthASplit / tiles, rows / kLeastRowsOfASplit), 1,
                        kMostSplits)) {}

template <class E>
void tensor_backward_weights(Launcher& launcher, const WeightsProduct& product,
                             const WeightsSplit& split, std::uint32_t* counters, float* partials) {
  const int bias_blocks =
      product.bias.values == nullptr ? 0 : (product.units + kBiasUnits - 1) / kBiasUnits;
  launch_tensor(launcher, tensor_backward_weights_kernel<E>,
                dim3(split.tiles + bias_blocks, split.splits), product, split.tiles, counters,
                partials);
}

#define NEURODE_ELEMENT(E)                                                                        \
  template void tensor_forward<E>(Launcher&, const ForwardProduct&);                              \
  template void tensor_backward_input<E>(Launcher&, const BackwardProduct&);                      \
  template void tensor_backward_weights<E>(Launcher&, const WeightsProduct&, const WeightsSplit&, \
                                           std::uint32_t*, float*);
NEURODE_ELEMENT(Tf32)
NEURODE_ELEMENT(Bf16)
#undef NEURODE_ELEMENT

}  // namespace neurode::cuda
