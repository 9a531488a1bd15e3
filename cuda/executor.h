// The CUDA executor: one Program on one device. The caller holds the device's mutex.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "cuda/pass.h"
#include "cuda/prediction.h"
#include "native/engine/order.h"

namespace neurode::cuda {

// Bound data on the device, and two orders of its rows: that of an epoch, and the next one's.
struct BoundData {
  DeviceMemory input, targets, weights, orders[2];
  std::optional<OrderKey> keys[2];  // of the orders that are there
};

class Executor {
 public:
  Executor(Device& device, Program program);

  const Parameters& parameters() const { return parameters_; }
  void set_parameter(int slot, int index, const float* values);
  // Where memory is short, takes none for the reservation.
  void reserve(const plugin::ReservationRecord& reservation);
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
    bool loaded = false;  // one with an update has run: kernels must not be loaded in a capture
    std::unique_ptr<Graph> one, many;
    std::uint64_t used = 0;
  };
  RunState begin(const plugin::RangeRecord& range);
  BoundData& upload(const plugin::RangeRecord& range);
  void upload_levels(const plugin::RangeRecord& range, std::int64_t count, float* to);
  void take_orders(BoundData& data, std::int64_t rows);
  const std::uint32_t* order_of(const plugin::RangeRecord& range, BoundData& data);
  void upload_ahead(const plugin::RangeRecord& range);
  std::int64_t captured_bytes(std::int64_t rows) const;
  void reserve_training(std::int64_t batch_size);
  void take_for(const plugin::ReservationRecord& reservation);
  void write_state(const RunState& state);
  std::int64_t run_steps(int rows, std::int64_t count, const plugin::RangeRecord& range,
                         const plugin::CancelRecord& cancel, plugin::SumsRecord& sums);
  void enqueue_step(int rows, bool weighted, bool update);
  void read_captured(const plugin::RangeRecord& range, const RunState& state);
  Graph& graph(std::unique_ptr<Graph>& graph, int rows, bool weighted, int steps);
  void pace(std::int64_t launched);
  void read_sums(plugin::SumsRecord& sums);
  double operations(std::int64_t rows) const;

  Device& device_;
  const Program program_;
  Parameters parameters_;
  Updates updates_;
  WideLayers wide_;
  Launcher launcher_;
  PassRunner predict_, evaluate_, train_;
  Prediction prediction_;
  std::map<int, BoundData> bound_;               // by handle
  std::map<std::pair<int, bool>, Steps> steps_;  // by rows of the batch, and whether it is weighted
  std::uint64_t uses_ = 0;
  DeviceMemory state_;  // RunState
  DeviceMemory sums_;
  DeviceMemory rates_;
  DeviceMemory captured_, gradients_;
  Event launched_[2];
};

}  // namespace neurode::cuda
