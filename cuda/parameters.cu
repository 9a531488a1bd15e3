// A model's parameters and optimizer variables on the device.
#include "cuda/parameters.h"

namespace neurode::cuda {

Parameters::Parameters(Device& device, const Program& program)
    : device_(device), slots_(program.slots) {
  for (const Parameter& parameter : program.parameters) {
    const int rows = std::max(parameter.inputs, 1), stride = (parameter.units + 3) / 4 * 4;
    places_.push_back({all_, std::int64_t{rows} * stride, rows, parameter.units, stride});
    all_ += places_.back().size;
  }
  const std::int64_t bytes = all_ * (1 + slots_) * static_cast<std::int64_t>(sizeof(float));
  memory_ = DeviceMemory(bytes, "the model's parameters");
  if (bytes > 0)
    check(cudaMemsetAsync(memory_.as<void>(), 0, bytes, device.stream.get()),
          "clearing parameters");
}

void Parameters::get(int slot, int index, float* values) const {
  const Place& place = places_[index];
  std::vector<float> padded(place.size);
  device_.staging.download(at(slot, index), place.size * static_cast<std::int64_t>(sizeof(float)),
                           padded.data());
  for (int row = 0; row < place.rows; ++row) {
    std::copy_n(padded.data() + std::int64_t{row} * place.stride, place.units,
                values + std::int64_t{row} * place.units);
  }
}

void Parameters::set(int slot, int index, const float* values) {
  const Place& place = places_[index];
  std::vector<float> padded(place.size, 0.0f);
  for (int row = 0; row < place.rows; ++row) {
    std::copy_n(values + std::int64_t{row} * place.units, place.units,
                padded.data() + std::int64_t{row} * place.stride);
  }
  device_.staging.upload(padded.data(), place.size * static_cast<std::int64_t>(sizeof(float)),
                         at(slot, index));
}

WeightsRecord Parameters::record(int index) const {
  WeightsRecord record{};
  if (index < 0) return record;
  record.values = at(-1, index);
  for (int s = 0; s < slots_; ++s) record.slots[s] = at(s, index);
  return record;
}

}  // namespace neurode::cuda
