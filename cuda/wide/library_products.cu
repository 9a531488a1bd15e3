// Computes the products of wide layers with cuBLASLt.
#include <algorithm>
#include <utility>
#include <vector>

#include "cuda/wide/finish_products.h"
#include "cuda/wide/library_choice.h"
#include "cuda/wide/library_products.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kMostBlocks = 65535;

// The sums that cuBLASLt wrote, as float32 or as bfloat16.
struct Sums {
  const float* floats;
  const BFloat16* rounded;
  int stride;
};

template <class Product>
__global__ __launch_bounds__(kThreads) void finish_kernel(Product p, Sums sums, int columns) {
  const int pairs = (columns + 1) / 2;
  const std::int64_t all = static_cast<std::int64_t>(p.rows) * pairs;
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x; i < all;
       i += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    const int row = static_cast<int>(i / pairs), column = static_cast<int>(i % pairs) * 2;
    const std::int64_t at = row * static_cast<std::int64_t>(sums.stride) + column;
    // Rows are padded to an even number of elements, so a pair can always be read.
    if (sums.floats != nullptr) {
      const float2 pair = *reinterpret_cast<const float2*>(sums.floats + at);
      finish_pair(p, row, column, pair.x, pair.y);
    } else {
      const std::uint32_t pair = *reinterpret_cast<const std::uint32_t*>(sums.rounded + at);
      finish_pair(p, row, column, from_bfloat16(static_cast<BFloat16>(pair & 0xffffu)),
                  from_bfloat16(static_cast<BFloat16>(pair >> 16)));
    }
  }
}

template <class E>
__global__ __launch_bounds__(kThreads) void update_kernel(WeightsProduct p, const float* gradients,
                                                          int weight_blocks) {
  const float rate = p.state->learning_rates[p.state->index];
  const int block = static_cast<int>(blockIdx.x);
  if (block >= weight_blocks) {
    finish_bias<E>(p, rate, (block - weight_blocks) * kBiasUnits);
    return;
  }
  const int quads = (p.units + 3) / 4;
  const std::int64_t all = static_cast<std::int64_t>(p.inputs) * quads;
  for (std::int64_t i = block * static_cast<std::int64_t>(kThreads) + threadIdx.x; i < all;
       i += static_cast<std::int64_t>(weight_blocks) * kThreads) {
    const int input = static_cast<int>(i / quads), unit = static_cast<int>(i % quads) * 4;
    // Rows are padded to a multiple of four, so four floats can always be read.
    const float4 v = *reinterpret_cast<const float4*>(
        gradients + input * static_cast<std::int64_t>(p.kernel_stride) + unit);
    const float four[] = {v.x, v.y, v.z, v.w};
    finish_weights(p, rate, input, unit, 4, four);
  }
}

unsigned blocks_for(std::int64_t elements) {
  return static_cast<unsigned>(std::min(kMostBlocks, (elements + kThreads - 1) / kThreads));
}

}  // namespace

std::unique_ptr<LibraryProducts> LibraryProducts::open(Device& device, bool bfloat16) {
  std::unique_ptr<Library> library = Library::open(device, bfloat16);
  if (library == nullptr) return nullptr;
  return std::unique_ptr<LibraryProducts>(new LibraryProducts(std::move(library)));
}

void LibraryProducts::forward(Launcher& launcher, const ForwardProduct& p,
                              const LibraryMemory& memory) {
  // Y (rows, units) = X (rows, inputs) . W (inputs, units)
  LibraryMatmul plain{.m = p.units, .n = p.rows, .k = p.inputs, .a = p.kernel, .b = p.input};
  float* const sums = p.output.stride != 0 ? p.output.data
                      : p.z.stride != 0    ? p.z.data
                                           : memory.sums;
  const int stride = p.output.stride != 0 ? p.output.stride
                     : p.z.stride != 0    ? p.z.stride
                                          : (p.units + 3) / 4 * 4;
  plain.d = sums;
  plain.stride = stride;
  std::vector<LibraryMatmul> variants = {plain};
  const bool relu = p.op.row == row::relu;
  if ((relu || p.op.row == row::linear) && p.z.stride == 0 &&
      (p.output.stride == 0 || p.copy.stride == 0)) {
    LibraryMatmul fused = plain;
    fused.epilogue =
        p.bias == nullptr ? (relu ? lt::kRelu : lt::kDefault) : (relu ? lt::kReluBias : lt::kBias);
    fused.bias = p.bias;
    if (p.output.stride == 0) {
      fused.d = p.copy.data;
      fused.stride = p.copy.stride;
      fused.bfloat16 = true;
    }
    variants.push_back(fused);
  }
  const auto finish = [&](int variant) {
    if (variant != 0) return;
    launcher(finish_kernel<ForwardProduct>,
             dim3(blocks_for(std::int64_t{p.rows} * ((p.units + 1) / 2))), kThreads, 0, p,
             Sums{sums, nullptr, stride}, p.units);
  };
  const auto own = [&] {
    (library_->bfloat16() ? tensor_forward<Bf16> : tensor_forward<Tf32>)(launcher, p);
  };
  const LibraryChoice choice =
      choose(launcher, *library_,
             {.shape = {0, p.rows, p.inputs, p.units, p.op.row, p.bias != nullptr, p.z.stride,
                        p.output.stride, p.copy.stride},
              .variants = variants,
              .finish = finish,
              .own = own});
  if (choice.variant == LibraryChoice::kOwn ||
      !library_->run(launcher, variants[choice.variant], choice.algorithm))
    return own();
  finish(choice.variant);
}

void LibraryProducts::backward_input(Launcher& launcher, const BackwardProduct& p,
                                     const LibraryMemory& memory) {
  // dX (rows, inputs) = G (rows, units) . W^T, W stored as (inputs, units)
  LibraryMatmul plain{.m = p.inputs,
                      .n = p.rows,
                      .k = p.units,
                      .a = p.kernel,
                      .b = p.gradient,
                      .transposed_a = true};
  Sums sums{};
  const bool exact = p.op.row == row::linear || p.op.row == row::relu;
  if (p.input_gradient.stride != 0) {
    sums = {p.input_gradient.data, nullptr, p.input_gradient.stride};
  } else if (exact && p.copy.stride != 0) {
    // The derivative is 0 or 1, so a product with it needs no second rounding.
    sums = {nullptr, p.copy.data, p.copy.stride};
  } else {
    sums = {memory.sums, nullptr, (p.inputs + 3) / 4 * 4};
  }
  plain.bfloat16 = sums.rounded != nullptr;
  plain.d = plain.bfloat16 ? static_cast<void*>(p.copy.data) : const_cast<float*>(sums.floats);
  plain.stride = sums.stride;
  const bool finished =
      p.op.row == row::linear && (p.input_gradient.stride == 0 || p.copy.stride == 0);
  const auto finish = [&](int) {
    if (finished && plain.d != memory.sums) return;
    launcher(finish_kernel<BackwardProduct>,
             dim3(blocks_for(std::int64_t{p.rows} * ((p.inputs + 1) / 2))), kThreads, 0, p, sums,
             p.inputs);
  };
  const auto own = [&] {
    (library_->bfloat16() ? tensor_backward_input<Bf16> : tensor_backward_input<Tf32>)(launcher, p);
  };
  const std::vector<LibraryMatmul> variants = {plain};
  const LibraryChoice choice =
      choose(launcher, *library_,
             {.shape = {1, p.rows, p.inputs, p.units, p.op.row, p.z.stride, p.output.stride,
                        p.input_gradient.stride, p.copy.stride},
              .variants = variants,
              .finish = finish,
              .own = own});
  if (choice.variant == LibraryChoice::kOwn || !library_->run(launcher, plain, choice.algorithm))
    return own();
  finish(choice.variant);
}

void LibraryProducts::backward_weights(Launcher& launcher, const WeightsProduct& p,
                                       const WeightsSplit& split, std::uint32_t* counters,
                                       float* partials, const LibraryMemory& memory) {
  // dW (inputs, units) = X^T . G, X stored as (rows, inputs), G as (rows, units)
  const LibraryMatmul plain{.m = p.units,
                            .n = p.inputs,
                            .k = p.rows,
                            .a = p.gradient,
                            .b = p.input,
                            .transposed_b = true,
                            .d = memory.gradients,
                            .stride = p.kernel_stride};
  const unsigned weight_blocks = blocks_for(std::int64_t{p.inputs} * ((p.units + 3) / 4));
  const unsigned bias_blocks =
      p.bias.values == nullptr ? 0 : static_cast<unsigned>((p.units + kBiasUnits - 1) / kBiasUnits);
  const auto update = [&](const WeightsProduct& product) {
    launcher(library_->bfloat16() ? update_kernel<Bf16> : update_kernel<Tf32>,
             dim3(weight_blocks + bias_blocks), kThreads, 0, product, memory.gradients,
             static_cast<int>(weight_blocks));
  };
  const auto own = [&](const WeightsProduct& product) {
    (library_->bfloat16()
         ? tensor_backward_weights<Bf16>
         : tensor_backward_weights<Tf32>)(launcher, product, split, counters, partials);
  };
  // The trials must not change the weights. They update the gradients instead, with the same memory
  // traffic.
  WeightsProduct trial = p;
  trial.kernel.values = memory.gradients;
  trial.kernel_copy = {};
  trial.bias.values = nullptr;
  trial.optimizer = {row::optimizer::sgd, {}};
  trial.kernel.weight_decay = 0;
  trial.kernel.stores = false;
  const std::vector<LibraryMatmul> variants = {plain};
  const auto finish = [&](int) {
    launcher(library_->bfloat16() ? update_kernel<Bf16> : update_kernel<Tf32>, dim3(weight_blocks),
             kThreads, 0, trial, memory.gradients, static_cast<int>(weight_blocks));
  };
  const LibraryChoice choice = choose(launcher, *library_,
                                      {.shape = {2, p.rows, p.inputs, p.units, p.kernel_stride},
                                       .variants = variants,
                                       .finish = finish,
                                       .own = [&] { own(trial); }});
  if (choice.variant == LibraryChoice::kOwn || !library_->run(launcher, plain, choice.algorithm))
    return own(p);
  update(p);
}

}  // namespace neurode::cuda
