// A range of batches: the state that its launches share, and the results that are downloaded.
#pragma once

#include "cuda/bound_data.h"
#include "cuda/kernels/records.h"
#include "cuda/runtime/device.h"
#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// Runs one range at a time.
class Range {
 public:
  Range(Device& device, const Program& program, BoundData& data);

  // Allocates memory for the outputs of `rows` rows and, if the range `trains`, for gradients of a
  // batch.
  void reserve_captured(std::int64_t rows, std::int64_t batch_size, bool trains);

  // Uploads the range's data and sets the sums to zero.
  RunState begin(const plugin::RangeRecord& range);
  // Uploads the state with which the next launches begin.
  void write(const RunState& state);
  RunState* state() const { return state_.as<RunState>(); }
  RangeSums* sums() const { return sums_.as<RangeSums>(); }
  // Must be called after every launch. Lets at most two launches be in flight, so that a cancelled
  // range ends soon. `launched` is the number of earlier launches.
  void pace(std::int64_t launched);
  // Waits for the launches and downloads the results.
  void end(const plugin::RangeRecord& range, const RunState& state, plugin::SumsRecord& sums);

 private:
  std::int64_t captured_bytes(std::int64_t rows) const;
  std::int64_t input_bytes(std::int64_t rows) const;
  void take_captured(std::int64_t rows);
  void read_sums(plugin::SumsRecord& sums);
  void write_heads(const plugin::RangeRecord& range);

  Device& device_;
  const Program& program_;
  BoundData& data_;
  DeviceMemory state_, heads_, sums_;
  DeviceMemory captured_, gradients_, input_gradients_;
  // Training spends most of its time waiting, so the waiting thread sleeps instead of spinning.
  Event launched_[2] = {Event(cudaEventBlockingSync), Event(cudaEventBlockingSync)};
};

}  // namespace neurode::cuda
