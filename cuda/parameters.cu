// A model's parameters and optimizer variables on the device.
#include "cuda/kernels/functors.h"
#include "cuda/parameters.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kAligned = 64;  // floats; cuBLASLt assumes operands aligned to 256 bytes

}  // namespace

Parameters::Parameters(Device& device, const Program& program)
    : device_(device),
      program_(program),
      optimizer_slots_(program.slots - (program.accumulator >= 0) - (program.average >= 0)) {
  std::int64_t values = 0, gradients = 0;
  for (const Parameter& parameter : program.parameters) {
    const int rows = std::max(parameter.rows, 1), stride = (parameter.columns + 3) / 4 * 4;
    const std::int64_t size = std::int64_t{rows} * stride;
    const std::int64_t taken = (size + kAligned - 1) / kAligned * kAligned;
    places_.push_back({values, all_slots_, gradients, size, rows, parameter.columns, stride});
    values += taken;
    if (parameter.trainable) all_slots_ += taken;
    if (parameter.update == Update::deferred) gradients += taken;
  }
  for (Place& place : places_) {
    place.slots += values;
    place.gradient += values + program.slots * all_slots_;
  }
  const std::int64_t bytes =
      (values + program.slots * all_slots_ + gradients) * static_cast<std::int64_t>(sizeof(float));
  memory_ = DeviceMemory(device.pool, bytes, "the model's parameters");
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
    std::copy_n(padded.data() + std::int64_t{row} * place.stride, place.columns,
                values + std::int64_t{row} * place.columns);
  }
}

void Parameters::set(int slot, int index, const float* values) {
  const Place& place = places_[index];
  std::vector<float> padded(place.size, 0.0f);
  for (int row = 0; row < place.rows; ++row) {
    std::copy_n(values + std::int64_t{row} * place.columns, place.columns,
                padded.data() + std::int64_t{row} * place.stride);
  }
  device_.staging.upload(padded.data(), place.size * static_cast<std::int64_t>(sizeof(float)),
                         at(slot, index));
}

WeightsRecord Parameters::updated(int index) const {
  WeightsRecord record{};
  record.values = at(-1, index);
  for (int s = 0; s < optimizer_slots_; ++s) record.slots[s] = at(s, index);
  record.weight_decay = program_.parameters[index].decays ? program_.update.weight_decay : 0;
  return record;
}

WeightsRecord Parameters::record(int index, bool adds) const {
  if (index < 0 || program_.parameters[index].update == Update::none) return {};
  if (program_.parameters[index].update == Update::fused) return updated(index);
  WeightsRecord record{};
  record.values = memory_.floats() + places_[index].gradient;
  record.stores = true;
  record.adds = adds;
  return record;
}

std::vector<DeferredRecord> Parameters::deferred() const {
  std::vector<DeferredRecord> records;
  int pieces = 0;
  for (int i = 0; i < static_cast<int>(places_.size()); ++i) {
    if (program_.parameters[i].update != Update::deferred) continue;
    DeferredRecord record{};
    record.weights = updated(i);
    record.gradient = memory_.floats() + places_[i].gradient;
    if (program_.accumulator >= 0) record.accumulator = at(program_.accumulator, i);
    if (program_.average >= 0) record.average = at(program_.average, i);
    record.size = places_[i].size;
    record.first_piece = pieces;
    record.pieces = static_cast<int>((record.size + kPiece - 1) / kPiece);
    pieces += record.pieces;
    const Parameter& parameter = program_.parameters[i];
    record.regularizer.row = -1;
    if (parameter.regularizer && !is_of_matrix(*parameter.regularizer))
      record.regularizer = record_of(*parameter.regularizer);
    record.not_negative = parameter.constraint.kind == Constraint::Kind::not_negative;
    records.push_back(record);
  }
  return records;
}

std::vector<MatrixRecord> Parameters::matrices() const {
  std::vector<MatrixRecord> records;
  for (int i = 0; i < static_cast<int>(places_.size()); ++i) {
    const Parameter& parameter = program_.parameters[i];
    if (!parameter.regularizer || !is_of_matrix(*parameter.regularizer)) continue;
    const Place& place = places_[i];
    const bool columns = is_of_columns(*parameter.regularizer);
    MatrixRecord record{};
    record.values = at(-1, i);
    record.gradient = memory_.floats() + place.gradient;
    record.vectors = columns ? place.columns : place.rows;
    record.size = columns ? place.rows : place.columns;
    record.step = columns ? 1 : place.stride;
    record.element_step = columns ? place.stride : 1;
    record.regularizer = record_of(*parameter.regularizer);
    records.push_back(record);
  }
  return records;
}

std::vector<ConstraintRecord> Parameters::constraints() const {
  std::vector<ConstraintRecord> records;
  for (int i = 0; i < static_cast<int>(places_.size()); ++i) {
    const Parameter& parameter = program_.parameters[i];
    const Constraint& constraint = parameter.constraint;
    if (constraint.kind != Constraint::Kind::norm) continue;
    const Along& along = constraint.along;
    const Place& place = places_[i];
    ConstraintRecord record{};
    record.values = at(-1, i);
    record.columns = place.columns;
    record.stride = place.stride;
    record.size = std::int64_t{place.rows} * place.columns;
    record.length = along.length == 0 ? record.size : along.length;
    record.inner = along.inner;
    record.least = constraint.least;
    record.most = constraint.most;
    record.rate = constraint.rate;
    records.push_back(record);
  }
  return records;
}

}  // namespace neurode::cuda
