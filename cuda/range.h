// A range of batches: the state that its launches share, and what comes back from them.
#pragma once

#include "cuda/bound_data.h"
#include "cuda/kernels/records.h"
#include "cuda/runtime/device.h"
#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// One at a time.
class Range {
 public:
  Range(Device& device, const Program& program, BoundData& data);

  // Takes memory for the outputs of so many rows and, where it `trains`, for gradients of a batch.
  void reserve_captured(std::int64_t rows, std::int64_t batch_size, bool trains);

  // Uploads the range's data. Sums are zeros.
  RunState begin(const plugin::RangeRecord& range);
  // The launches that follow begin with this state.
  void write(const RunState& state);
  RunState* state() const { return state_.as<RunState>(); }
  RangeSums* sums() const { return sums_.as<RangeSums>(); }
  // To be called after every launch: two are in flight, no more, so that a range ends soon after it
  // was asked to. `launched`: those before.
  void pace(std::int64_t launched);
  // Waits for the launches.
  void end(const plugin::RangeRecord& range, const RunState& state, plugin::SumsRecord& sums);

 private:
  std::int64_t captured_bytes(std::int64_t rows) const;
  void take_captured(std::int64_t rows);
  void read_sums(plugin::SumsRecord& sums);

  Device& device_;
  const Program& program_;
  BoundData& data_;
  DeviceMemory state_, sums_;
  DeviceMemory captured_, gradients_;
  // A training waits for most of its time.
  Event launched_[2] = {Event(cudaEventBlockingSync), Event(cudaEventBlockingSync)};
};

}  // namespace neurode::cuda
