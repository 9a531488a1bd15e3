// A range of batches.
#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "cuda/range.h"

namespace neurode::cuda {

namespace {

int heads_of(const Program& program) { return static_cast<int>(program.heads.size()); }

}  // namespace

Range::Range(Device& device, const Program& program, BoundData& data)
    : device_(device),
      program_(program),
      data_(data),
      state_(device.pool, sizeof(RunState), "the state of a range"),
      heads_(device.pool, heads_of(program) * sizeof(HeadState), "the heads of a range"),
      sums_(device.pool, RangeSums::bytes(heads_of(program), program.metrics), "sums") {}

// Bytes of the outputs, the targets and a weight for each position of the rows.
std::int64_t Range::captured_bytes(std::int64_t rows) const {
  return rows * program_.captured_floats() * static_cast<std::int64_t>(sizeof(float));
}

std::int64_t Range::input_bytes(std::int64_t rows) const {
  return rows * program_.input_size * static_cast<std::int64_t>(sizeof(float));
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
  write_heads(range);
  state.heads = heads_.as<HeadState>();
  state.row_targets =
      range.target_columns != nullptr ? range.target_row_size : program_.output_size;
  state.row_weights = program_.positions;
  state.row_outputs = program_.output_size;
  state.row_captured = program_.captured_floats();
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
  if (range.input_gradients != nullptr) {
    input_gradients_.grow(device_.pool, input_bytes(rows), "gradients of the input");
    state.input_gradients = input_gradients_.floats();
  }
  check(cudaMemsetAsync(sums_.as<void>(), 0, sums_.size(), device_.stream.get()), "clearing sums");
  return state;
}

void Range::write_heads(const plugin::RangeRecord& range) {
  std::vector<HeadState> states;
  for (int h = 0; h < heads_of(program_); ++h) {
    const Head& head = program_.heads[h];
    const TargetColumns targets =
        range.target_columns != nullptr ? range.target_columns[h] : TargetColumns{};
    states.push_back({.outputs = head.outputs,
                      .positions = head.positions,
                      .first_output = head.first_output,
                      .first_position = head.first_position,
                      .first_metric = head.first_metric,
                      .metrics = head.metrics,
                      .weighted_from = head.weighted_from,
                      .first_target = targets.begin,
                      .takes_classes = targets.are_classes ? 1 : 0,
                      .has_loss = head.has_loss ? 1 : 0,
                      .takes_gradients = head.takes_gradients ? 1 : 0,
                      .reduction = head.reduction,
                      .loss_weight = head.loss_weight,
                      .loss_scale = 1});
  }
  const auto bytes = static_cast<std::int64_t>(states.size() * sizeof(HeadState));
  device_.staging.upload(states.data(), bytes, heads_.as<void>());
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
  const std::int64_t rows = std::min(state.total - state.begin, range.batches * state.batch_size);
  if (range.captured != nullptr)
    device_.staging.download(captured_.as<void>(), captured_bytes(rows), range.captured);
  if (range.input_gradients != nullptr)
    device_.staging.download(input_gradients_.as<void>(), input_bytes(rows), range.input_gradients);
}

void Range::read_sums(plugin::SumsRecord& sums) {
  std::vector<std::byte> bytes(sums_.size());
  device_.staging.download(sums_.as<void>(), sums_.size(), bytes.data());
  const std::size_t heads = heads_of(program_) * sizeof(plugin::HeadSumsRecord);
  const std::size_t before_metrics = sizeof(RangeSums) + heads;
  RangeSums range;
  std::memcpy(&range, bytes.data(), sizeof(range));
  sums.penalty = range.penalty;
  std::memcpy(sums.heads, bytes.data() + sizeof(range), heads);
  std::memcpy(sums.metrics, bytes.data() + before_metrics, bytes.size() - before_metrics);
}

}  // namespace neurode::cuda
