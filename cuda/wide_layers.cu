// A model's wide layers.
#include <algorithm>

#include "cuda/runtime/arena.h"
#include "cuda/wide_layers.h"

namespace neurode::cuda {
namespace {

// The least number of multiply-adds for which cuBLASLt is tried.
constexpr double kLargeProduct = 1 << 23;

template <class Product>
bool is_large(const Product& product) {
  return static_cast<double>(product.rows) * product.inputs * product.units >= kLargeProduct;
}

}  // namespace

WideLayers::WideLayers(Device& device, const Program& program, const Parameters& parameters)
    : program_(program), parameters_(parameters) {
  check_tensor_cores(device, program.precision);
  const int count = static_cast<int>(program.parameters.size());
  bool any = false;
  for (int i = 0; i < count; ++i) any = any || is_wide(program, i);
  if (any && !program.train.tasks.empty())
    library_ = LibraryProducts::open(device, reads_copies(program));
  copies_.assign(count, Copy{});
  if (!reads_copies(program)) return;
  Arena arena;
  std::vector<std::int64_t> places(count, 0);
  for (int i = 0; i < count; ++i) {
    if (!is_wide(program, i)) continue;
    const Parameter& parameter = program.parameters[i];
    copies_[i].stride = padded_copy(parameter.columns);
    places[i] = arena.place<BFloat16>(std::int64_t{parameter.rows} * copies_[i].stride);
  }
  memory_ = DeviceMemory(device.pool, arena.bytes(), "bfloat16 copies of kernels");
  for (int i = 0; i < count; ++i) {
    if (copies_[i].stride != 0)
      copies_[i].data = reinterpret_cast<BFloat16*>(memory_.as<char>() + places[i]);
  }
}

void WideLayers::refresh(Launcher& launcher) {
  if (version_ == parameters_.version()) return;
  for (int i = 0; i < static_cast<int>(copies_.size()); ++i) copy(launcher, i);
  copies_are_new();
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
  if (reads_copies(program_)) return {copies_[index].data, copies_[index].stride};
  return {parameters_.values(index), parameters_.stride(index)};
}

void WideLayers::forward(Launcher& launcher, const ForwardProduct& product,
                         const LibraryMemory* memory) const {
  if (memory != nullptr && is_large(product)) return library_->forward(launcher, product, *memory);
  (reads_copies(program_) ? tensor_forward<Bf16> : tensor_forward<Tf32>)(launcher, product);
}

void WideLayers::backward_input(Launcher& launcher, const BackwardProduct& product,
                                const LibraryMemory* memory) const {
  if (memory != nullptr && is_large(product))
    return library_->backward_input(launcher, product, *memory);
  (reads_copies(program_) ? tensor_backward_input<Bf16> : tensor_backward_input<Tf32>)(launcher,
                                                                                       product);
}

void WideLayers::backward_weights(Launcher& launcher, const WeightsProduct& product,
                                  const WeightsSplit& split, std::uint32_t* counters,
                                  float* partials, const LibraryMemory* memory) const {
  if (memory != nullptr && is_large(product))
    return library_->backward_weights(launcher, product, split, counters, partials, *memory);
  (reads_copies(program_)
       ? tensor_backward_weights<Bf16>
       : tensor_backward_weights<Tf32>)(launcher, product, split, counters, partials);
}

}  // namespace neurode::cuda
