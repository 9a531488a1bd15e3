// The CUDA executor: one Program on one device.
#include <algorithm>

#include "cuda/executor.h"

namespace neurode::cuda {
namespace {

constexpr int kChunk = 1024;                  // rows of an evaluation at a time
constexpr double kOperationsOfALaunch = 1e9;  // a graph holds as many steps, at most
constexpr int kMostStepsOfALaunch = 16;
constexpr std::int64_t kWorthCapturing = 8;  // batches
constexpr int kRangesBeforeCapturing = 3;
constexpr std::size_t kMostGraphs = 8;  // sizes of batches whose graphs are kept

OrderKey order_key(const plugin::RangeRecord& range) {
  return {range.input.rows, range.order_seed, range.order_epoch};
}

}  // namespace

Executor::Executor(Device& device, Program program)
    : device_(device),
      program_(std::move(program)),
      parameters_(device, program_),
      updates_(device, program_, parameters_),
      wide_(device, program_, parameters_),
      launcher_(device.stream.get()),
      predict_(device, program_, program_.predict, parameters_, updates_, wide_, kMostPredicted),
      evaluate_(device, program_, program_.evaluate, parameters_, updates_, wide_, kChunk),
      train_(device, program_, program_.train, parameters_, updates_, wide_, 0),
      prediction_(device, program_, predict_),
      state_(device.pool, sizeof(RunState), "the state of a range"),
      sums_(device.pool, (4 + program_.metrics) * static_cast<std::int64_t>(sizeof(double)),
            "sums") {}

void Executor::set_parameter(int slot, int index, const float* values) {
  if (slot < 0) wide_.kernels_changed();
  parameters_.set(slot, index, values);
}

double Executor::operations(std::int64_t rows) const {
  double weights = 0;
  for (const Parameter& parameter : program_.parameters)
    weights += static_cast<double>(parameter.size());
  return 6 * weights * static_cast<double>(rows);
}

// ------------------------------------------------------------------------------------------------
// data

// Targets that are bytes become float32 on their way.
void Executor::upload_levels(const plugin::RangeRecord& range, std::int64_t count, float* to) {
  constexpr std::int64_t kPiece = 1 << 18;
  std::vector<float> values(std::min(count, kPiece));
  for (std::int64_t first = 0; first < count; first += kPiece) {
    const std::int64_t piece = std::min(count - first, kPiece);
    for (std::int64_t i = 0; i < piece; ++i)
      values[i] = range.target_levels[range.target_bytes[first + i]];
    const auto bytes = piece * static_cast<std::int64_t>(sizeof(float));
    device_.staging.upload(values.data(), bytes, to + first);
  }
}

BoundData& Executor::upload(const plugin::RangeRecord& range) {
  const plugin::InputRecord& input = range.input;
  const auto found = bound_.find(range.handle);
  if (found == bound_.end()) {
    BoundData data;
    const std::int64_t bytes = input.rows * input.features * element_size(input);
    data.input = DeviceMemory(device_.pool, bytes, "bound input");
    const std::int64_t each = range.classes != nullptr ? program_.positions : program_.output_size;
    const std::int64_t target_bytes = input.rows * each * 4;
    data.targets = DeviceMemory(device_.pool, target_bytes, "bound targets");
    device_.staging.upload(data_of(input), bytes, data.input.as<void>());
    if (range.target_bytes != nullptr) {
      upload_levels(range, input.rows * each, data.targets.floats());
    } else {
      const void* const targets =
          range.classes != nullptr ? static_cast<const void*>(range.classes) : range.target_rows;
      device_.staging.upload(targets, target_bytes, data.targets.as<void>());
    }
    if (range.weights != nullptr) {
      const std::int64_t weight_bytes =
          input.rows * program_.positions * static_cast<std::int64_t>(sizeof(float));
      data.weights = DeviceMemory(device_.pool, weight_bytes, "weights of rows");
      device_.staging.upload(range.weights, weight_bytes, data.weights.as<void>());
    }
    bound_[range.handle] = std::move(data);
  }
  return bound_[range.handle];
}

void Executor::take_orders(BoundData& data, std::int64_t rows) {
  const std::int64_t bytes = rows * static_cast<std::int64_t>(sizeof(std::uint32_t));
  if (data.orders[0].size() > 0) return;
  DeviceMemory orders[2];
  for (DeviceMemory& order : orders) order = DeviceMemory(device_.pool, bytes, "the order of rows");
  device_.ahead.reserve(bytes);
  device_.stream.wait();  // memory is there in the order of this stream, and another writes to it
  std::swap(data.orders, orders);
}

const std::uint32_t* Executor::order_of(const plugin::RangeRecord& range, BoundData& data) {
  if (range.order == nullptr) return nullptr;
  const OrderKey key = order_key(range);
  for (int i = 0; i < 2; ++i) {
    if (data.keys[i] == key) return data.orders[i].as<std::uint32_t>();
  }
  take_orders(data, range.input.rows);
  data.keys[0].reset();
  device_.staging.upload(range.order, data.orders[0].size(), data.orders[0].as<void>());
  data.keys[0] = key;
  return data.orders[0].as<std::uint32_t>();
}

// While the device works: the order of the next epoch, in place of the one before.
void Executor::upload_ahead(const plugin::RangeRecord& range) {
  if (range.order == nullptr || range.next_order == nullptr) return;
  BoundData& data = bound_[range.handle];
  const OrderKey key = order_key(range);
  const int next = data.keys[0] == key ? 1 : 0;
  if (data.keys[next] == key.next_epoch()) return;
  const std::uint32_t* const order = range.next_order(range.next_order_context);
  if (order == nullptr) return;
  data.keys[next].reset();
  device_.ahead.upload(order, data.orders[next].size(), data.orders[next].as<void>());
  device_.ahead_done.record(device_.ahead_stream.get());
  device_.ahead_done.hold_up(device_.stream.get());
  data.keys[next] = key.next_epoch();
}

std::int64_t Executor::captured_bytes(std::int64_t rows) const {
  return rows * program_.positions * (2 * program_.outputs() + 1) *
         static_cast<std::int64_t>(sizeof(float));
}

// Graphs hold places of tensors.
void Executor::reserve_training(std::int64_t batch_size) {
  if (train_.reserve(static_cast<int>(batch_size))) steps_.clear();
}

void Executor::take_for(const plugin::ReservationRecord& reservation) {
  const plugin::RangeRecord& range = reservation.range;
  const std::int64_t all = range.input.rows;
  if (all > 0) {
    BoundData& data = upload(range);
    if (reservation.shuffles) take_orders(data, all);
  }
  const std::int64_t batch =
      all > 0 ? std::min<std::int64_t>(range.batch_size, all) : range.batch_size;
  const std::int64_t rows = all > 0 ? std::min(all, range.batches * batch) : range.batches * batch;
  if (reservation.trains) {
    reserve_training(batch);
    const std::int64_t rate_bytes = range.batches * static_cast<std::int64_t>(sizeof(float));
    rates_.grow(device_.pool, rate_bytes, "learning rates");
    device_.staging.reserve(rate_bytes);
  } else {
    const bool weighted = range.weights != nullptr;
    evaluate_.reserve(static_cast<int>(std::min<std::int64_t>(weighted ? batch : kChunk, rows)));
  }
  if (reservation.captures) {
    captured_.grow(device_.pool, captured_bytes(rows), "rows of outputs");
    device_.staging.reserve(captured_bytes(rows));
    const std::int64_t bytes = batch * program_.output_size * sizeof(float);
    if (reservation.trains) gradients_.grow(device_.pool, bytes, "gradients");
  }
  device_.stream.wait();
}

void Executor::reserve(const plugin::ReservationRecord& reservation) {
  const int handle = reservation.range.handle;
  const bool known = bound_.contains(handle);
  try {
    take_for(reservation);
  } catch (...) {
    if (!known) bound_.erase(handle);
    throw;
  }
}

void Executor::write_state(const RunState& state) {
  device_.staging.upload(&state, sizeof state, state_.as<void>());
}

RunState Executor::begin(const plugin::RangeRecord& range) {
  BoundData& data = upload(range);
  const plugin::InputRecord& input = range.input;
  RunState state{};
  point_at(state, input, data.input.as<void>());
  state.order = order_of(range, data);
  (range.classes != nullptr ? state.classes = data.targets.as<std::int32_t>() : nullptr);
  (range.classes == nullptr ? state.target_rows = data.targets.floats() : nullptr);
  state.weights = range.weights != nullptr ? data.weights.floats() : nullptr;
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
    captured_.grow(device_.pool, captured_bytes(rows), "rows of outputs");
    device_.staging.reserve(captured_bytes(rows));
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
  wide_.refresh(launcher_);
  return state;
}

void Executor::read_sums(plugin::SumsRecord& sums) {
  std::vector<double> values(4 + program_.metrics);
  device_.staging.download(sums_.as<void>(), sums_.size(), values.data());
  sums.loss = values[0];
  std::copy_n(values.begin() + 1, program_.metrics, sums.metrics);
  sums.counted = values[program_.metrics + 1];
  sums.weight = values[program_.metrics + 2];
  sums.penalty = values[program_.metrics + 3];
}

void Executor::read_captured(const plugin::RangeRecord& range, const RunState& state) {
  if (range.captured == nullptr) return;
  const std::int64_t rows = std::min(state.total - state.begin, range.batches * state.batch_size);
  device_.staging.download(captured_.as<void>(), captured_bytes(rows), range.captured);
}

// ---------------------------------------------------------------------------------------------
// training

void Executor::enqueue_step(int rows, bool weighted, bool update) {
  train_.enqueue(launcher_, {.state = state_.as<RunState>(),
                             .rows = rows,
                             .sums = sums_.as<double>(),
                             .weighted = weighted,
                             .update = update});
}

Graph& Executor::graph(std::unique_ptr<Graph>& graph, int rows, bool weighted, int steps) {
  if (!graph) {
    graph = std::make_unique<Graph>(device_.stream.get(), [&] {
      for (int i = 0; i < steps; ++i) enqueue_step(rows, weighted, true);
    });
  }
  return *graph;
}

// Two launches are in flight, no more: a range ends soon after it was asked to.
void Executor::pace(std::int64_t launched) {
  const Event& event = launched_[launched % 2];
  if (launched >= 2) event.wait();
  event.record(device_.stream.get());
}

// Up to `count` steps on batches of `rows`; `sums` counts those that were launched, also where the
// next one fails.
std::int64_t Executor::run_steps(int rows, std::int64_t count, const plugin::RangeRecord& range,
                                 const plugin::CancelRecord& cancel, plugin::SumsRecord& sums) {
  const bool weighted = range.weights != nullptr, update = range.update != 0;
  const std::pair<int, bool> key{rows, weighted};
  if (steps_.size() >= kMostGraphs && !steps_.contains(key)) {
    const auto used = [](const auto& a, const auto& b) { return a.second.used < b.second.used; };
    steps_.erase(std::min_element(steps_.begin(), steps_.end(), used));
  }
  Steps& steps = steps_[key];
  steps.used = ++uses_;
  const bool captured =
      update && (count >= kWorthCapturing || ++steps.ranges > kRangesBeforeCapturing);
  const int most = static_cast<int>(std::clamp(
      kOperationsOfALaunch / std::max(1.0, operations(rows)), 1.0, double{kMostStepsOfALaunch}));
  std::int64_t done = 0;
  for (std::int64_t launched = 0; done < count && !asked(cancel); ++launched) {
    int now = 1;
    if (!captured || !steps.loaded) {
      enqueue_step(rows, weighted, update);
      steps.loaded = steps.loaded || update;
    } else if (most > 1 && count - done >= most) {
      graph(steps.many, rows, weighted, most).launch(device_.stream.get());
      now = most;
    } else {
      graph(steps.one, rows, weighted, 1).launch(device_.stream.get());
    }
    done += now;
    sums.batches += now;
    sums.rows += std::int64_t{now} * rows;
    pace(launched);
  }
  return done;
}

void Executor::train(const plugin::RangeRecord& range, const float* learning_rates,
                     std::int64_t& step, const plugin::CancelRecord& cancel,
                     plugin::SumsRecord& sums) {
  RunState state = begin(range);
  reserve_training(state.batch_size);
  const std::int64_t rate_bytes = range.batches * static_cast<std::int64_t>(sizeof(float));
  rates_.grow(device_.pool, rate_bytes, "learning rates");
  device_.staging.upload(learning_rates, rate_bytes, rates_.as<void>());
  state.learning_rates = rates_.floats();
  state.step = step;
  write_state(state);

  const std::int64_t whole =
      std::min(range.batches, state.total / state.batch_size - range.first_batch);
  sums.batches = sums.rows = 0;
  try {
    const std::int64_t done =
        whole > 0 ? run_steps(static_cast<int>(state.batch_size), whole, range, cancel, sums) : 0;
    if (done == std::max<std::int64_t>(whole, 0) && done < range.batches)
      run_steps(static_cast<int>(state.total % state.batch_size), 1, range, cancel, sums);
    upload_ahead(range);
    read_sums(sums);
    read_captured(range, state);
  } catch (...) {
    // The weights are those after the steps that were taken.
    if (range.update != 0) step += sums.batches;
    throw;
  }
  if (range.update != 0) step += sums.batches;
}

// ------------------------------------------------------------------------------- evaluation,
// prediction

void Executor::evaluate(const plugin::RangeRecord& range, const plugin::CancelRecord& cancel,
                        plugin::SumsRecord& sums) {
  const RunState state = begin(range);
  const std::int64_t begin = state.position;
  const std::int64_t end = std::min(state.total, begin + range.batches * state.batch_size);
  // A weighted batch has a scale of its own: such batches go one by one.
  const bool weighted = range.weights != nullptr;
  const std::int64_t chunk = weighted ? state.batch_size : kChunk;
  evaluate_.reserve(static_cast<int>(std::min(chunk, end - begin)));
  write_state(state);
  updates_.penalties().measure(launcher_);
  std::int64_t launched = 0;
  for (std::int64_t first = begin; first < end; first += chunk, ++launched) {
    if (asked(cancel)) break;
    const int rows = static_cast<int>(std::min(chunk, end - first));
    evaluate_.enqueue(launcher_, {.state = state_.as<RunState>(),
                                  .rows = rows,
                                  .sums = sums_.as<double>(),
                                  .weighted = weighted});
    pace(launched);
  }
  read_sums(sums);
  read_captured(range, state);
  if (launched * chunk < end - begin) {  // cancelled: all or nothing
    sums.loss = sums.penalty = sums.counted = sums.weight = 0;
    std::fill_n(sums.metrics, program_.metrics, 0.0);
    return;
  }
  sums.rows = end - begin;
  sums.batches = (end - begin + state.batch_size - 1) / state.batch_size;
}

void Executor::predict(const plugin::InputRecord& input, float* output,
                       const plugin::CancelRecord& cancel) {
  wide_.refresh(launcher_);
  prediction_.run(launcher_, input, output, cancel);
}

}  // namespace neurode::cuda
