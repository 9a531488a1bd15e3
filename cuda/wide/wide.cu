// A model's wide layers.
#include <algorithm>

#include "cuda/kernels/sources.h"
#include "cuda/wide/wide.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kMostBlocks = 65535;

const char* name_of(Precision precision) {
  return precision == Precision::tf32 ? "tf32" : "bfloat16";
}

// Multiply-adds of a product that a library may be faster at.
constexpr double kLargeProduct = 1 << 23;

template <class Product>
bool is_large(const Product& product) {
  return static_cast<double>(product.rows) * product.inputs * product.units >= kLargeProduct;
}

// Without `from.data`: the rows of the batch.
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

void round_to_bfloat16(Launcher& launcher, const Tensor& from, const RunState* state, int rows,
                       int features, const Copy& to) {
  const std::int64_t quads = std::int64_t{rows} * ((features + 3) / 4);
  const auto blocks = std::min(kMostBlocks, (quads + kThreads - 1) / kThreads);
  launcher(round_kernel, dim3(static_cast<unsigned>(blocks)), kThreads, 0,
           MatrixSource{from.data, from.stride}, state, rows, features, to);
}

WideLayers::WideLayers(Device& device, const Program& program, const Parameters& parameters)
    : program_(program), parameters_(parameters), precision_(program.precision) {
  check_tensor_cores(device, precision_);
  const int count = static_cast<int>(program.parameters.size());
  bool any = false;
  for (int i = 0; i < count; ++i) any = any || takes(i);
  if (any && !program.train.tasks.empty()) library_ = LibraryProducts::open(device, reads_copies());
  copies_.assign(count, Copy{});
  if (!reads_copies()) return;
  std::int64_t elements = 0;
  for (int i = 0; i < count; ++i) {
    if (!takes(i)) continue;
    copies_[i].stride = padded_copy(program.parameters[i].columns);
    elements += std::int64_t{program.parameters[i].rows} * copies_[i].stride;
  }
  memory_ = DeviceMemory(device.pool, elements * static_cast<std::int64_t>(sizeof(BFloat16)),
                         "bfloat16 copies of kernels");
  BFloat16* next = memory_.as<BFloat16>();
  for (int i = 0; i < count; ++i) {
    if (copies_[i].stride == 0) continue;
    copies_[i].data = next;
    next += std::int64_t{program.parameters[i].rows} * copies_[i].stride;
  }
}

void WideLayers::refresh(Launcher& launcher) {
  if (!stale_) return;
  for (int i = 0; i < static_cast<int>(copies_.size()); ++i) copy(launcher, i);
  stale_ = false;
}

void WideLayers::copy_deferred(Launcher& launcher) const {
  for (int i = 0; i < static_cast<int>(copies_.size()); ++i) {
    if (program_.parameters[i].update == Update::deferred) copy(launcher, i);
  }
}

void WideLayers::copy(Launcher& launcher, int index) const {
  if (copies_[index].stride == 0) return;
  const Parameter& parameter = program_.parameters[index];
  round_to_bfloat16(launcher, {parameters_.values(index), parameters_.stride(index)}, nullptr,
                    parameter.rows, parameter.columns, copies_[index]);
}

Matrix WideLayers::kernel(int index) const {
  if (reads_copies()) return {copies_[index].data, copies_[index].stride};
  return {parameters_.values(index), parameters_.stride(index)};
}

void WideLayers::forward(Launcher& launcher, const ForwardProduct& product,
                         const LibraryMemory* memory) const {
  if (memory != nullptr && is_large(product)) return library_->forward(launcher, product, *memory);
  (reads_copies() ? tensor_forward<Bf16> : tensor_forward<Tf32>)(launcher, product);
}

void WideLayers::backward_input(Launcher& launcher, const BackwardProduct& product,
                                const LibraryMemory* memory) const {
  if (memory != nullptr && is_large(product))
    return library_->backward_input(launcher, product, *memory);
  (reads_copies() ? tensor_backward_input<Bf16> : tensor_backward_input<Tf32>)(launcher, product);
}

void WideLayers::backward_weights(Launcher& launcher, const WeightsProduct& product,
                                  const WeightsSplit& split, std::uint32_t* counters,
                                  float* partials, const LibraryMemory* memory) const {
  if (memory != nullptr && is_large(product))
    return library_->backward_weights(launcher, product, split, counters, partials, *memory);
  (reads_copies() ? tensor_backward_weights<Bf16>
                  : tensor_backward_weights<Tf32>)(launcher, product, split, counters, partials);
}

}  // namespace neurode::cuda
