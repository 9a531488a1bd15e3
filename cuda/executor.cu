// The CUDA executor: one Program on one device.
#include <algorithm>

#include "cuda/executor.h"

namespace neurode::cuda {
namespace {

constexpr int kChunk = 1024;                   // rows of a prediction or an evaluation at a time
constexpr std::int64_t kChunkBytes = 8 << 20;  // of input
constexpr double kOperationsOfALaunch = 1e9;   // a graph holds as many steps, at most
constexpr int kMostStepsOfALaunch = 16;
constexpr std::int64_t kWorthCapturing = 8;  // batches
constexpr int kRangesBeforeCapturing = 3;
constexpr std::size_t kMostGraphs = 8;  // sizes of batches whose graphs are kept

bool asked(const plugin::CancelRecord& cancel) {
  return cancel.asked != nullptr && cancel.asked(cancel.context) != 0;
}

std::int64_t element_size(const plugin::InputRecord& input) {
  return input.bytes != nullptr ? 1 : sizeof(float);
}

const void* data_of(const plugin::InputRecord& input) {
  return input.bytes != nullptr ? static_cast<const void*>(input.bytes) : input.floats;
}

void point_at(RunState& state, const plugin::InputRecord& input, const void* on_device) {
  (input.bytes != nullptr ? state.bytes = static_cast<const std::uint8_t*>(on_device) : nullptr);
  (input.bytes == nullptr ? state.floats = static_cast<const float*>(on_device) : nullptr);
}

}  // namespace

Executor::Executor(Device& device, Program program)
    : device_(device),
      program_(std::move(program)),
      parameters_(device, program_),
      updates_(device, program_, parameters_),
      wide_(device, program_, parameters_),
      launcher_(device.stream.get()),
      predict_(program_, program_.predict, parameters_, updates_, wide_, kChunk),
      evaluate_(program_, program_.evaluate, parameters_, updates_, wide_, kChunk),
      train_(program_, program_.train, parameters_, updates_, wide_, 0),
      state_(sizeof(RunState), "the state of a range"),
      sums_((4 + program_.metrics) * static_cast<std::int64_t>(sizeof(double)), "sums") {}

void Executor::set_parameter(int slot, int index, const float* values) {
  parameters_.set(slot, index, values);
  if (slot < 0) wide_.kernels_changed();
}

double Executor::operations(std::int64_t rows) const {
  double weights = 0;
  for (const Parameter& parameter : program_.parameters)
    weights += static_cast<double>(parameter.size());
  return 6 * weights * static_cast<double>(rows);
}

// ------------------------------------------------------------------------------------------------
// data

BoundData& Executor::upload(const plugin::RangeRecord& range) {
  const plugin::InputRecord& input = range.input;
  const auto found = bound_.find(range.handle);
  if (found == bound_.end()) {
    BoundData data;
    const std::int64_t bytes = input.rows * input.features * element_size(input);
    data.input = DeviceMemory(bytes, "bound input");
    const std::int64_t each = range.classes != nullptr ? 1 : program_.output_size;
    const std::int64_t target_bytes = input.rows * each * 4;
    data.targets = DeviceMemory(target_bytes, "bound targets");
    device_.staging.upload(data_of(input), bytes, data.input.as<void>());
    const void* const targets =
        range.classes != nullptr ? static_cast<const void*>(range.classes) : range.target_rows;
    device_.staging.upload(targets, target_bytes, data.targets.as<void>());
    if (range.weights != nullptr) {
      const std::int64_t weight_bytes = input.rows * static_cast<std::int64_t>(sizeof(float));
      data.weights = DeviceMemory(weight_bytes, "weights of rows");
      device_.staging.upload(range.weights, weight_bytes, data.weights.as<void>());
    }
    bound_[range.handle] = std::move(data);
  }
  BoundData& data = bound_[range.handle];
  if (range.order != nullptr && data.order_version != range.order_version) {
    const std::int64_t bytes = input.rows * static_cast<std::int64_t>(sizeof(std::uint32_t));
    if (data.order.size() < bytes) data.order = DeviceMemory(bytes, "the order of rows");
    data.order_version = 0;
    device_.staging.upload(range.order, bytes, data.order.as<void>());
    data.order_version = range.order_version;
  }
  return data;
}

void Executor::write_state(const RunState& state) {
  device_.staging.upload(&state, sizeof state, state_.as<void>());
}

RunState Executor::begin(const plugin::RangeRecord& range) {
  const BoundData& data = upload(range);
  const plugin::InputRecord& input = range.input;
  RunState state{};
  point_at(state, input, data.input.as<void>());
  state.order = range.order != nullptr ? data.order.as<std::uint32_t>() : nullptr;
  (range.classes != nullptr ? state.classes = data.targets.as<std::int32_t>() : nullptr);
  (range.classes == nullptr ? state.target_rows = data.targets.floats() : nullptr);
  state.weights = range.weights != nullptr ? data.weights.floats() : nullptr;
  state.scale = input.scale * program_.input_scale;
  state.offset = input.offset * program_.input_scale + program_.input_offset;
  state.features = input.features;
  state.outputs = program_.output_size;
  state.total = input.rows;
  state.batch_size = std::min<std::int64_t>(range.batch_size, input.rows);
  state.begin = state.position = range.first_batch * state.batch_size;
  const std::int64_t rows = std::min(state.total - state.begin, range.batches * state.batch_size);
  const auto grow = [](DeviceMemory& memory, std::int64_t floats, const char* what) {
    const std::int64_t bytes = floats * static_cast<std::int64_t>(sizeof(float));
    if (memory.size() < bytes) {
      memory = DeviceMemory();
      memory = DeviceMemory(bytes, what);
    }
    return memory.floats();
  };
  if (range.captured != nullptr)
    state.captured = grow(captured_, rows * (2 * state.outputs + 1), "rows of outputs");
  if (range.gradients != nullptr) {
    state.gradients = grow(gradients_, rows * state.outputs, "gradients");
    device_.staging.upload(range.gradients,
                           rows * state.outputs * static_cast<std::int64_t>(sizeof(float)),
                           gradients_.as<void>());
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
  device_.staging.download(
      captured_.as<void>(),
      rows * (2 * state.outputs + 1) * static_cast<std::int64_t>(sizeof(float)), range.captured);
}

// ---------------------------------------------------------------------------------------------
// training

void Executor::enqueue_step(int rows, bool weighted, bool update) {
  train_.enqueue(launcher_, state_.as<RunState>(), rows, sums_.as<double>(), weighted, update);
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

// Up to `count` steps on batches of `rows`; gives the number that were launched.
std::int64_t Executor::run_steps(int rows, std::int64_t count, const plugin::RangeRecord& range,
                                 const plugin::CancelRecord& cancel) {
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
    if (!captured || !steps.loaded) {
      enqueue_step(rows, weighted, update);
      steps.loaded = true;
      ++done;
    } else if (most > 1 && count - done >= most) {
      graph(steps.many, rows, weighted, most).launch(device_.stream.get());
      done += most;
    } else {
      graph(steps.one, rows, weighted, 1).launch(device_.stream.get());
      ++done;
    }
    pace(launched);
  }
  return done;
}

void Executor::train(const plugin::RangeRecord& range, const float* learning_rates,
                     std::int64_t& step, const plugin::CancelRecord& cancel,
                     plugin::SumsRecord& sums) {
  RunState state = begin(range);
  if (train_.reserve(static_cast<int>(state.batch_size), device_.stream.get())) steps_.clear();
  const std::int64_t rate_bytes = range.batches * static_cast<std::int64_t>(sizeof(float));
  if (rates_.size() < rate_bytes) rates_ = DeviceMemory(rate_bytes, "learning rates");
  device_.staging.upload(learning_rates, rate_bytes, rates_.as<void>());
  state.learning_rates = rates_.floats();
  state.step = step;
  write_state(state);

  const std::int64_t whole =
      std::min(range.batches, state.total / state.batch_size - range.first_batch);
  const std::int64_t done =
      whole > 0 ? run_steps(static_cast<int>(state.batch_size), whole, range, cancel) : 0;
  sums.batches = done;
  sums.rows = done * state.batch_size;
  if (done == std::max<std::int64_t>(whole, 0) && done < range.batches) {
    const auto rest = static_cast<int>(state.total % state.batch_size);
    const std::int64_t last = run_steps(rest, 1, range, cancel);
    sums.batches += last;
    sums.rows += last * rest;
  }
  read_sums(sums);
  read_captured(range, state);
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
  evaluate_.reserve(static_cast<int>(std::min(chunk, end - begin)), device_.stream.get());
  write_state(state);
  updates_.penalties().measure(launcher_);
  std::int64_t launched = 0;
  for (std::int64_t first = begin; first < end; first += chunk, ++launched) {
    if (asked(cancel)) break;
    const int rows = static_cast<int>(std::min(chunk, end - first));
    evaluate_.enqueue(launcher_, state_.as<RunState>(), rows, sums_.as<double>(), weighted);
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

void Executor::take_prediction(Prediction& prediction, float* output) {
  if (prediction.rows == 0) return;
  prediction.done.wait();
  for (int row = 0; row < prediction.rows; ++row) {
    std::copy_n(prediction.out.as<float>() + std::int64_t{row} * predict_.output_stride(),
                program_.output_size, output + (prediction.first + row) * program_.output_size);
  }
  prediction.rows = 0;
}

void Executor::predict(const plugin::InputRecord& input, float* output,
                       const plugin::CancelRecord& cancel) {
  const std::int64_t row_bytes = input.features * element_size(input);
  const int chunk = static_cast<int>(std::clamp<std::int64_t>(
      kChunkBytes / row_bytes, 1, std::min<std::int64_t>(kChunk, input.rows)));
  predict_.reserve(chunk, device_.stream.get());
  wide_.refresh(launcher_);
  const std::int64_t out_stride = predict_.output_stride();
  constexpr std::int64_t kHead = 256;  // the state comes before the rows, in one copy
  static_assert(sizeof(RunState) <= kHead);
  const std::int64_t in_bytes = kHead + chunk * row_bytes;
  const auto out_bytes = static_cast<std::size_t>(chunk * out_stride) * sizeof(float);
  const int slots = input.rows > chunk ? 2 : 1;
  for (int s = 0; s < slots; ++s) {
    Prediction& prediction = predictions_[s];
    prediction.rows = 0;
    if (prediction.input.size() < in_bytes) {
      prediction.input = DeviceMemory();
      prediction.input = DeviceMemory(in_bytes, "rows of a prediction");
      prediction.in = PinnedMemory(static_cast<std::size_t>(in_bytes));
    }
    if (prediction.out.size() < out_bytes) prediction.out = PinnedMemory(out_bytes);
  }

  RunState state{};
  state.scale = input.scale * program_.input_scale;
  state.offset = input.offset * program_.input_scale + program_.input_offset;
  state.features = input.features;
  state.outputs = program_.output_size;
  const cudaStream_t stream = device_.stream.get();
  int slot = 0;
  for (std::int64_t first = 0; first < input.rows && !asked(cancel);
       first += chunk, slot = (slot + 1) % slots) {
    Prediction& prediction = predictions_[slot];
    take_prediction(prediction, output);
    prediction.first = first;
    const int rows = static_cast<int>(std::min<std::int64_t>(chunk, input.rows - first));
    char* const on_device = prediction.input.as<char>();
    point_at(state, input, on_device + kHead);
    std::memcpy(prediction.in.as<void>(), &state, sizeof state);
    std::memcpy(prediction.in.as<char>() + kHead,
                static_cast<const char*>(data_of(input)) + first * row_bytes, rows * row_bytes);
    check(cudaMemcpyAsync(on_device, prediction.in.as<void>(), kHead + rows * row_bytes,
                          cudaMemcpyHostToDevice, stream),
          "uploading");
    predict_.enqueue(launcher_, prediction.input.as<RunState>(), rows, nullptr);
    check(cudaMemcpyAsync(prediction.out.as<void>(), predict_.output(),
                          rows * out_stride * sizeof(float), cudaMemcpyDeviceToHost, stream),
          "downloading");
    prediction.done.record(stream);
    prediction.rows = rows;
  }
  for (int s = 0; s < slots; ++s) take_prediction(predictions_[(slot + s) % slots], output);
  device_.stream.wait();
}

}  // namespace neurode::cuda
