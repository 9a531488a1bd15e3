// The sums over the parts of a batch that several ranks compute.
#include <algorithm>

#include "cuda/exchange.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kAligned = 16;  // floats of a cache line

}  // namespace

void Exchange::set_transport(const plugin::TransportRecord& transport) {
  const Parts& parts = program_.parts;
  if (parts.mine * transport.size != parts.count || parts.mine * transport.rank != parts.first)
    throw Error("ERR_ARGUMENT", "parts: expected an equal share for each rank, in their order");
  if (transport.size > 1) transport_ = transport;
}

void Exchange::check_transport() const {
  if (program_.parts.mine < program_.parts.count && !has_others())
    throw Error("ERR_ARGUMENT", "parts: expected a transport to the ranks that have the others");
}

// Floats that ranks exchange.
std::int64_t Exchange::exchanged() const {
  const std::int64_t lines = (parameters_.summed_floats() + 1 + kAligned - 1) / kAligned;
  return (lines + transport_->size - 1) / transport_->size * transport_->size * kAligned;
}

void Exchange::reserve() {
  if (!has_others() || !received_.empty()) return;
  const std::int64_t floats = exchanged();
  sums_.grow(static_cast<std::size_t>(floats) * sizeof(float));
  std::fill_n(sums_.as<float>(), floats, 0.0f);
  received_.resize(floats);
}

bool Exchange::run(bool is_cancelled) {
  reserve();
  float* const sums = sums_.as<float>();
  const std::int64_t floats = parameters_.summed_floats();
  const auto bytes = static_cast<std::size_t>(floats) * sizeof(float);
  const cudaStream_t stream = device_.stream.get();
  if (bytes > 0)
    check(cudaMemcpyAsync(sums, parameters_.sums(), bytes, cudaMemcpyDeviceToHost, stream),
          "downloading gradients");
  device_.stream.wait();
  float& cancelled = sums[floats];
  cancelled = is_cancelled ? 1 : 0;
  if (transport_->sum(transport_->context, sums, received_.data(), exchanged()) != 0)
    throw Error("ERR_DISTRIBUTED", "the other ranks cannot be reached");
  if (bytes > 0)
    check(cudaMemcpyAsync(parameters_.sums(), sums, bytes, cudaMemcpyHostToDevice, stream),
          "uploading gradients");
  return cancelled > 0;
}

}  // namespace neurode::cuda
