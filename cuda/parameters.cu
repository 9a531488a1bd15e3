// A model's parameters and optimizer variables on the device.
#include "cuda/kernels/functors.h"
#include "cuda/parameters.h"
#include "native/engine/siblings.h"
#include "native/engine/tree_sum.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kAligned = 64;  // floats; cuBLASLt assumes operands aligned to 256 bytes

std::int64_t aligned(std::int64_t floats) { return (floats + kAligned - 1) / kAligned * kAligned; }

int slots_of_optimizer(const Program& program) {
  return program.slots - (program.accumulator >= 0) - (program.average >= 0);
}

DeviceMemory zeros(Device& device, std::int64_t floats, const char* what) {
  const std::int64_t bytes = floats * static_cast<std::int64_t>(sizeof(float));
  DeviceMemory memory(device.pool, bytes, what);
  if (bytes > 0)
    check(cudaMemsetAsync(memory.as<void>(), 0, bytes, device.stream.get()), "clearing parameters");
  return memory;
}

}  // namespace

Parameters::Parameters(Device& device, const Program& program)
    : device_(device),
      program_(program),
      shared_(std::make_shared<SharedParameters>()),
      optimizer_slots_(slots_of_optimizer(program)) {
  take_memory();
  take_arena();
}

Parameters::Parameters(Device& device, const Program& program, const Parameters& sibling)
    : device_(device),
      program_(program),
      shared_(sibling.shared_),
      optimizer_slots_(slots_of_optimizer(program)) {
  check_siblings(program, sibling.program_);
  take_arena();
}

void Parameters::take_memory() {
  std::int64_t values = 0;
  std::int64_t& all_slots = shared_->all_slots;
  for (const Parameter& parameter : program_.parameters) {
    const int rows = std::max(parameter.rows, 1), stride = (parameter.columns + 3) / 4 * 4;
    const std::int64_t size = std::int64_t{rows} * stride;
    shared_->places.push_back({values, all_slots, size, rows, parameter.columns, stride});
    values += aligned(size);
    if (parameter.trainable) all_slots += aligned(size);
  }
  for (Place& place : shared_->places) place.slots += values;
  shared_->memory = zeros(device_, values + program_.slots * all_slots, "the model's parameters");
}

// What is a sum over the parts of a batch comes first.
void Parameters::take_arena() {
  const int count = static_cast<int>(shared_->places.size());
  const Parts& parts = program_.parts;
  moving_.assign(count, false);
  for (const Task& task : program_.train.tasks) {
    if (task.kind == TaskKind::batch_statistics) moving_[task.mean] = moving_[task.variance] = true;
  }
  gradients_.assign(count, -1);
  std::int64_t all = 0;
  for (const bool summed : {true, false}) {
    for (int i = 0; i < count; ++i) {
      const bool is_deferred = program_.parameters[i].update == Update::deferred;
      const bool is_sum = is_deferred || (parts.count > 1 && moving_[i]);
      if (summed != is_sum || (!is_sum && !program_.keeps_gradients)) continue;
      gradients_[i] = all;
      all += aligned(place_of(i).size);
    }
    if (summed) summed_ = all;
  }
  level_floats_ = all;
  const int levels = parts.count > 1 ? tree_levels(parts.mine) : 1;
  if (all > 0) arena_ = zeros(device_, levels * all, "the gradients of parameters");
}

void Parameters::download(const float* from, int index, float* values) const {
  const Place& place = place_of(index);
  std::vector<float> padded(place.size);
  device_.staging.download(from, place.size * static_cast<std::int64_t>(sizeof(float)),
                           padded.data());
  for (int row = 0; row < place.rows; ++row) {
    std::copy_n(padded.data() + std::int64_t{row} * place.stride, place.columns,
                values + std::int64_t{row} * place.columns);
  }
}

void Parameters::upload(const float* values, int index, float* to) const {
  const Place& place = place_of(index);
  std::vector<float> padded(place.size, 0.0f);
  for (int row = 0; row < place.rows; ++row) {
    std::copy_n(values + std::int64_t{row} * place.columns, place.columns,
                padded.data() + std::int64_t{row} * place.stride);
  }
  device_.staging.upload(padded.data(), place.size * static_cast<std::int64_t>(sizeof(float)), to);
}

void Parameters::copy(const float* from, int index, float* to) const {
  const std::int64_t bytes = place_of(index).size * static_cast<std::int64_t>(sizeof(float));
  check(cudaMemcpyAsync(to, from, bytes, cudaMemcpyDeviceToDevice, device_.stream.get()),
        "copying statistics");
}

void Parameters::get(int slot, int index, float* values) const {
  download(at(slot, index), index, values);
}

void Parameters::set(int slot, int index, const float* values) {
  if (slot < 0) changes();
  upload(values, index, at(slot, index));
}

void Parameters::get_gradient(int index, float* values) const {
  download(gradient(index), index, values);
}

void Parameters::set_gradient(int index, const float* values) {
  upload(values, index, gradient(index));
}

void Parameters::begin_statistics() {
  for (int i = 0; i < static_cast<int>(gradients_.size()); ++i)
    if (!program_.parameters[i].trainable) copy(at(-1, i), i, gradient(i));
}

void Parameters::end_statistics(int index) { copy(gradient(index), index, at(-1, index)); }

WeightsRecord Parameters::updated(int index) const {
  WeightsRecord record{};
  record.values = at(-1, index);
  for (int s = 0; s < optimizer_slots_; ++s) record.slots[s] = at(s, index);
  record.weight_decay = program_.parameters[index].decays ? program_.update.weight_decay : 0;
  return record;
}

WeightsRecord Parameters::record(int index, bool adds, int level) const {
  if (index < 0 || program_.parameters[index].update == Update::none) return {};
  if (program_.parameters[index].update == Update::fused) return updated(index);
  WeightsRecord record{};
  record.values = gradient(index, level);
  record.stores = true;
  record.adds = adds;
  return record;
}

std::vector<DeferredRecord> Parameters::deferred() const {
  std::vector<DeferredRecord> records;
  int pieces = 0;
  for (int i = 0; i < static_cast<int>(gradients_.size()); ++i) {
    if (program_.parameters[i].update != Update::deferred) continue;
    DeferredRecord record{};
    record.weights = updated(i);
    record.gradient = gradient(i);
    if (program_.accumulator >= 0) record.accumulator = at(program_.accumulator, i);
    if (program_.average >= 0) record.average = at(program_.average, i);
    record.size = place_of(i).size;
    record.first_piece = pieces;
    record.pieces = static_cast<int>((record.size + kPiece - 1) / kPiece);
    pieces += record.pieces;
    const Parameter& parameter = program_.parameters[i];
    if (parameter.padding >= 0) {
      record.padding_begin = std::int64_t{parameter.padding} * place_of(i).stride;
      record.padding_end = record.padding_begin + place_of(i).stride;
    }
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
  for (int i = 0; i < static_cast<int>(gradients_.size()); ++i) {
    const Parameter& parameter = program_.parameters[i];
    if (!parameter.regularizer || !is_of_matrix(*parameter.regularizer)) continue;
    const Place& place = place_of(i);
    const bool columns = is_of_columns(*parameter.regularizer);
    MatrixRecord record{};
    record.values = at(-1, i);
    record.gradient = gradient(i);
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
  for (int i = 0; i < static_cast<int>(gradients_.size()); ++i) {
    const Parameter& parameter = program_.parameters[i];
    const Constraint& constraint = parameter.constraint;
    if (constraint.kind != Constraint::Kind::norm) continue;
    const Along& along = constraint.along;
    const Place& place = place_of(i);
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
