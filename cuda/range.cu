// A range of batches.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "cuda/range.h"

namespace neurode::cuda {

Range::Range(Device& device, const Program& program, BoundData& data)
    : device_(device),
      program_(program),
      data_(data),
      state_(device.pool, sizeof(RunState), "the state of a range"),
      sums_(device.pool, RangeSums::bytes(program.metrics), "sums") {}

// Bytes of the outputs, the targets and a weight for each position of the rows.
std::int64_t Range::captured_bytes(std::int64_t rows) const {
  return rows * program_.positions * (2 * program_.outputs() + 1) *
         static_cast<std::int64_t>(sizeof(float));
}

void Range::take_captured(std::int64_t rows) {
  captured_.grow(device_.pool, captured_bytes(rows), "rows of outputs");
  device_.staging.reserve(captured_bytes(rows));
}

void Range::reserve_captured(std::int64_t rows, std::int64_t batch_size, bool trains) {
  take_captured(rows);
  const std::int64_t bytes =
      batch_size * program_.output_size * static_cast<std::int64_t>(sizeof(float));
  if (trains) gradients_.grow(device_.pool, bytes, "gradients");
}

RunState Range::begin(const plugin::RangeRecord& range) {
  const plugin::InputRecord& input = range.input;
  RunState state{};
  data_.use(range, state);
  state.scale = input.scale * program_.input_scale;
  state.offset = input.offset * program_.input_scale + program_.input_offset;
  state.features = input.features;
  state.outputs = program_.outputs();
  state.positions = program_.positions;
  state.total = input.rows;
  state.batch_size = std::min<std::int64_t>(range.batch_size, input.rows);
  state.begin = state.position = range.first_batch * state.batch_size;
  const std::int64_t rows = std::min(state.total - state.begin, range.batches * state.batch_size);
  if (range.captured != nullptr) {
    take_captured(rows);
    state.captured = captured_.floats();
  }
  if (range.gradients != nullptr) {
    const std::int64_t bytes =
        rows * program_.output_size * static_cast<std::int64_t>(sizeof(float));
    gradients_.grow(device_.pool, bytes, "gradients");
    state.gradients = gradients_.floats();
    device_.staging.upload(range.gradients, bytes, gradients_.as<void>());
  }
  check(cudaMemsetAsync(sums_.as<void>(), 0, sums_.size(), device_.stream.get()), "clearing sums");
  return state;
}

void Range::write(const RunState& state) {
  device_.staging.upload(&state, sizeof state, state_.as<void>());
}

void Range::pace(std::int64_t launched) {
  const Event& event = launched_[launched % 2];
  if (launched >= 2) event.wait();
  event.record(device_.stream.get());
}

void Range::end(const plugin::RangeRecord& range, const RunState& state, plugin::SumsRecord& sums) {
  read_sums(sums);
  if (range.captured == nullptr) return;
  const std::int64_t rows = std::min(state.total - state.begin, range.batches * state.batch_size);
  device_.staging.download(captured_.as<void>(), captured_bytes(rows), range.captured);
}

void Range::read_sums(plugin::SumsRecord& sums) {
  std::vector<std::byte> bytes(sums_.size());
  device_.staging.download(sums_.as<void>(), sums_.size(), bytes.data());
  RangeSums range;
  std::memcpy(&range, bytes.data(), sizeof(range));
  sums.loss = range.loss;
  sums.counted = range.counted;
  sums.weight = range.weight;
  sums.penalty = range.penalty;
  std::memcpy(sums.metrics, bytes.data() + sizeof(range), bytes.size() - sizeof(range));
}

}  // namespace neurode::cuda
