// The CUDA executor: one Program on one device. The caller holds the device's mutex.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "cuda/pass.h"

namespace neurode::cuda {

// Bound data on the device, and an order of its rows.
struct BoundData {
  DeviceMemory input, targets, weights, order;
  std::uint64_t order_version = 0;
};

class Executor {
 public:
  Executor(Device& device, Program program);

  const Parameters& parameters() const { return parameters_; }
  void set_parameter(int slot, int index, const float* values);
  void train(const plugin::RangeRecord& range, const float* learning_rates, std::int64_t& step,
             const plugin::CancelRecord& cancel, plugin::SumsRecord& sums);
  void evaluate(const plugin::RangeRecord& range, const plugin::CancelRecord& cancel,
                plugin::SumsRecord& sums);
  void predict(const plugin::InputRecord& input, float* output, const plugin::CancelRecord& cancel);
  void release(int handle) { bound_.erase(handle); }

 private:
  // Steps of a training batch with so many rows.
  struct Steps {
    int ranges = 0;       // that had such batches
    bool loaded = false;  // one has run: it loads the kernels, which must not happen in a capture
    std::unique_ptr<Graph> one, many;
    std::uint64_t used = 0;
  };
  // One of the two chunks of a prediction that are on their way.
  struct Prediction {
    DeviceMemory input;
    PinnedMemory in, out;
    Event done;
    std::int64_t first = 0;
    int rows = 0;
  };

  RunState begin(const plugin::RangeRecord& range);
  BoundData& upload(const plugin::RangeRecord& range);
  void write_state(const RunState& state);
  std::int64_t run_steps(int rows, std::int64_t count, const plugin::RangeRecord& range,
                         const plugin::CancelRecord& cancel);
  void enqueue_step(int rows, bool weighted, bool update);
  void read_captured(const plugin::RangeRecord& range, const RunState& state);
  Graph& graph(std::unique_ptr<Graph>& graph, int rows, bool weighted, int steps);
  void pace(std::int64_t launched);
  void take_prediction(Prediction& prediction, float* output);
  void read_sums(plugin::SumsRecord& sums);
  double operations(std::int64_t rows) const;

  Device& device_;
  const Program program_;
  Parameters parameters_;
  Updates updates_;
  WideLayers wide_;
  Launcher launcher_;
  PassRunner predict_, evaluate_, train_;
  std::map<int, BoundData> bound_;               // by handle
  std::map<std::pair<int, bool>, Steps> steps_;  // by rows of the batch, and whether it is weighted
  std::uint64_t uses_ = 0;
  DeviceMemory state_;  // RunState
  DeviceMemory sums_;
  DeviceMemory rates_;
  DeviceMemory captured_, gradients_;
  Event launched_[2];
  Prediction predictions_[2];
};

}  // namespace neurode::cuda
