// Trains on ranges of batches.
#include <algorithm>

#include "cuda/inputs.h"
#include "cuda/training.h"

namespace neurode::cuda {
namespace {

constexpr double kOperationsOfALaunch = 1e9;  // the operations of the steps in a graph, at most
constexpr int kMostStepsOfALaunch = 16;
constexpr std::int64_t kWorthCapturing = 8;  // batches that are worth a capture
constexpr int kRangesBeforeCapturing = 3;
constexpr std::size_t kMostGraphs = 8;  // graphs are kept for this many kinds of batches

}  // namespace

// Graphs contain the addresses of tensors, so they are discarded when the tensors move.
void Training::reserve_pass(std::int64_t batch_size) {
  const std::int64_t of_part = (batch_size + program_.parts.count - 1) / program_.parts.count;
  if (pass_.reserve(static_cast<int>(of_part))) graphs_.clear();
  exchange_.reserve();
}

void Training::reserve(std::int64_t batch_size, std::int64_t batches) {
  reserve_pass(batch_size);
  const std::int64_t bytes = batches * static_cast<std::int64_t>(sizeof(float));
  rates_.grow(device_.pool, bytes, "learning rates");
  device_.staging.reserve(bytes);
}

// The approximate number of operations in a step: one product forward and two products backward.
double Training::operations(std::int64_t rows) const {
  double weights = 0;
  for (const Parameter& parameter : program_.parameters)
    weights += static_cast<double>(parameter.size()) * parameter.positions;
  return 6 * weights * static_cast<double>(rows);
}

// Heads whose losses take gradients in place of targets have none without them.
bool Training::has_gradients(const plugin::RangeRecord& range) const {
  return range.gradients != nullptr ||
         std::none_of(program_.heads.begin(), program_.heads.end(),
                      [](const Head& head) { return head.takes_gradients; });
}

Training::Graphs& Training::graphs_of(const Kind& kind) {
  if (graphs_.size() >= kMostGraphs && !graphs_.contains(kind)) {
    const auto used = [](const auto& a, const auto& b) { return a.second.used < b.second.used; };
    graphs_.erase(std::min_element(graphs_.begin(), graphs_.end(), used));
  }
  Graphs& graphs = graphs_[kind];
  graphs.used = ++uses_;
  return graphs;
}

Batch Training::batch_of(const Kind& kind, const Steps& steps) const {
  return {.state = range_.state(),
          .rows = kind.rows,
          .sums = range_.sums(),
          .weighted = kind.weighted,
          .update = steps.update};
}

// The rows of a batch that this process computes.
std::int64_t Training::own_rows(std::int64_t rows) const {
  const Parts& parts = program_.parts;
  return parts.first_row(rows, parts.end()) - parts.first_row(rows, parts.first);
}

void Training::enqueue(Launcher& launcher, const Batch& batch, bool learns) const {
  if (program_.parts.count == 1) return pass_.enqueue(launcher, batch);
  pass_.enqueue_parts(launcher, batch, gradients_, learns);
  pass_.enqueue_rest(launcher, batch, gradients_, learns);
}

template <class Enqueue>
void Training::launch(std::unique_ptr<Graph>& graph, Enqueue enqueue) {
  if (!graph) graph = std::make_unique<Graph>(device_.stream.get(), enqueue);
  graph->launch(device_.stream.get());
}

// A step with gradients of other ranks, which all learn whether one of them is cancelled.
void Training::exchange(Launcher& launcher, const Batch& batch, Steps& steps, Graphs& graphs,
                        bool captured) {
  const auto parts = [&] { pass_.enqueue_parts(launcher, batch, gradients_, steps.learns); };
  const auto rest = [&] { pass_.enqueue_rest(launcher, batch, gradients_, steps.learns); };
  captured ? launch(graphs.parts, parts) : parts();
  steps.cancelled = exchange_.run(asked(steps.cancel));
  captured ? launch(graphs.rest, rest) : rest();
}

// Runs up to `count` steps on batches of the kind. `sums` counts the steps that were launched, even
// if the next step fails.
std::int64_t Training::run_steps(Launcher& launcher, const Kind& kind, std::int64_t count,
                                 Steps& steps, plugin::SumsRecord& sums) {
  Graphs& graphs = graphs_of(kind);
  const bool captured =
      steps.update && (count >= kWorthCapturing || ++graphs.ranges > kRangesBeforeCapturing);
  const int most =
      static_cast<int>(std::clamp(kOperationsOfALaunch / std::max(1.0, operations(kind.rows)), 1.0,
                                  double{kMostStepsOfALaunch}));
  const Batch batch = batch_of(kind, steps);
  const auto step = [&] { enqueue(launcher, batch, steps.learns); };
  std::int64_t done = 0;
  for (std::int64_t launched = 0; done < count && !steps.cancelled; ++launched) {
    if (!steps.exchanges && asked(steps.cancel)) {
      steps.cancelled = true;
      break;
    }
    const bool is_loaded = captured && graphs.loaded;
    int now = 1;
    if (steps.exchanges) {
      exchange(launcher, batch, steps, graphs, is_loaded);
    } else if (!is_loaded) {
      step();
    } else if (most > 1 && count - done >= most) {
      now = most;
      launch(graphs.many, [&] {
        for (int i = 0; i < now; ++i) step();
      });
    } else {
      launch(graphs.one, step);
    }
    graphs.loaded = graphs.loaded || steps.update;
    done += now;
    sums.batches += now;
    sums.rows += now * own_rows(kind.rows);
    range_.pace(launched);
  }
  return done;
}

void Training::run(Launcher& launcher, const plugin::RangeRecord& range,
                   const float* learning_rates, std::int64_t& step,
                   const plugin::CancelRecord& cancel, plugin::SumsRecord& sums) {
  exchange_.check_transport();
  RunState state = range_.begin(range);
  reserve_pass(state.batch_size);
  const std::int64_t rate_bytes = range.batches * static_cast<std::int64_t>(sizeof(float));
  rates_.grow(device_.pool, rate_bytes, "learning rates");
  device_.staging.upload(learning_rates, rate_bytes, rates_.as<void>());
  state.learning_rates = rates_.floats();
  state.step = step;
  range_.write(state);
  if (range.update == 0 && program_.keeps_gradients) parameters_.begin_statistics();
  const bool update = range.update != 0;
  const bool learns = update || (program_.keeps_gradients && has_gradients(range));
  Steps steps{.update = update,
              .learns = learns,
              .exchanges = learns && exchange_.has_others(),
              .cancel = cancel};

  const std::int64_t whole =
      std::min(range.batches, state.total / state.batch_size - range.first_batch);
  sums.batches = sums.rows = 0;
  const auto run_batches = [&](std::int64_t rows, std::int64_t count) {
    const Kind kind{.rows = static_cast<int>(rows), .weighted = range.weights != nullptr};
    return count > 0 ? run_steps(launcher, kind, count, steps, sums) : 0;
  };
  try {
    const std::int64_t done = run_batches(state.batch_size, whole);
    if (!steps.cancelled && done == std::max<std::int64_t>(whole, 0) && done < range.batches)
      run_batches(state.total % state.batch_size, 1);
    data_.upload_ahead(range);
    range_.end(range, state, sums);
  } catch (...) {
    // The weights already contain the launched steps.
    if (update) step += sums.batches;
    throw;
  }
  if (update) step += sums.batches;
}

void Training::apply(Launcher& launcher, float learning_rate, std::int64_t& step) {
  rates_.grow(device_.pool, sizeof(float), "learning rates");
  device_.staging.upload(&learning_rate, sizeof(float), rates_.as<void>());
  RunState state{};
  state.learning_rates = rates_.floats();
  state.step = step;
  range_.write(state);
  pass_.enqueue_updates(launcher, range_.state());
  for (const Task& task : program_.train.tasks) {
    if (task.kind != TaskKind::batch_statistics) continue;
    parameters_.end_statistics(task.mean);
    parameters_.end_statistics(task.variance);
  }
  device_.stream.wait();
  ++step;
}

}  // namespace neurode::cuda
