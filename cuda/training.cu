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
  if (pass_.reserve(static_cast<int>(batch_size))) graphs_.clear();
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

Training::Graphs& Training::graphs_of(const Kind& kind) {
  if (graphs_.size() >= kMostGraphs && !graphs_.contains(kind)) {
    const auto used = [](const auto& a, const auto& b) { return a.second.used < b.second.used; };
    graphs_.erase(std::min_element(graphs_.begin(), graphs_.end(), used));
  }
  Graphs& graphs = graphs_[kind];
  graphs.used = ++uses_;
  return graphs;
}

void Training::enqueue(Launcher& launcher, const Kind& kind, bool update) {
  pass_.enqueue(launcher, {.state = range_.state(),
                           .rows = kind.rows,
                           .sums = range_.sums(),
                           .weighted = kind.weighted,
                           .update = update});
}

void Training::launch(Launcher& launcher, const Kind& kind, std::unique_ptr<Graph>& graph,
                      int steps) {
  if (!graph) {
    graph = std::make_unique<Graph>(device_.stream.get(), [&] {
      for (int i = 0; i < steps; ++i) enqueue(launcher, kind, true);
    });
  }
  graph->launch(device_.stream.get());
}

// Runs up to `count` steps on batches of `rows` rows. `sums` counts the steps that were launched,
// even if the next step fails.
std::int64_t Training::run_steps(Launcher& launcher, int rows, std::int64_t count,
                                 const plugin::RangeRecord& range,
                                 const plugin::CancelRecord& cancel, plugin::SumsRecord& sums) {
  const bool update = range.update != 0;
  const Kind kind{.rows = rows, .weighted = range.weights != nullptr};
  Graphs& graphs = graphs_of(kind);
  const bool captured =
      update && (count >= kWorthCapturing || ++graphs.ranges > kRangesBeforeCapturing);
  const int most = static_cast<int>(std::clamp(
      kOperationsOfALaunch / std::max(1.0, operations(rows)), 1.0, double{kMostStepsOfALaunch}));
  std::int64_t done = 0;
  for (std::int64_t launched = 0; done < count && !asked(cancel); ++launched) {
    int now = 1;
    if (!captured || !graphs.loaded) {
      enqueue(launcher, kind, update);
      graphs.loaded = graphs.loaded || update;
    } else if (most > 1 && count - done >= most) {
      launch(launcher, kind, graphs.many, most);
      now = most;
    } else {
      launch(launcher, kind, graphs.one, 1);
    }
    done += now;
    sums.batches += now;
    sums.rows += std::int64_t{now} * rows;
    range_.pace(launched);
  }
  return done;
}

void Training::run(Launcher& launcher, const plugin::RangeRecord& range,
                   const float* learning_rates, std::int64_t& step,
                   const plugin::CancelRecord& cancel, plugin::SumsRecord& sums) {
  RunState state = range_.begin(range);
  reserve_pass(state.batch_size);
  const std::int64_t rate_bytes = range.batches * static_cast<std::int64_t>(sizeof(float));
  rates_.grow(device_.pool, rate_bytes, "learning rates");
  device_.staging.upload(learning_rates, rate_bytes, rates_.as<void>());
  state.learning_rates = rates_.floats();
  state.step = step;
  range_.write(state);
  if (range.update == 0 && program_.keeps_gradients) parameters_.begin_statistics();

  const std::int64_t whole =
      std::min(range.batches, state.total / state.batch_size - range.first_batch);
  sums.batches = sums.rows = 0;
  const auto run_batches = [&](std::int64_t rows, std::int64_t count) {
    return count > 0 ? run_steps(launcher, static_cast<int>(rows), count, range, cancel, sums) : 0;
  };
  try {
    const std::int64_t done = run_batches(state.batch_size, whole);
    if (done == std::max<std::int64_t>(whole, 0) && done < range.batches)
      run_batches(state.total % state.batch_size, 1);
    data_.upload_ahead(range);
    range_.end(range, state, sums);
  } catch (...) {
    // The weights already contain the launched steps.
    if (range.update != 0) step += sums.batches;
    throw;
  }
  if (range.update != 0) step += sums.batches;
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
