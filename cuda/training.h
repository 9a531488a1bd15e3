// Trains on ranges of batches, step by step or in graphs of several captured steps.
#pragma once

#include <map>
#include <memory>

#include "cuda/bound_data.h"
#include "cuda/pass.h"
#include "cuda/range.h"
#include "cuda/runtime/device.h"

namespace neurode::cuda {

class Training {
 public:
  Training(Device& device, const Program& program, Parameters& parameters, PassRunner& pass,
           BoundData& data, Range& range)
      : device_(device),
        program_(program),
        parameters_(parameters),
        pass_(pass),
        data_(data),
        range_(range) {}

  // Allocates memory for ranges of `batches` batches.
  void reserve(std::int64_t batch_size, std::int64_t batches);
  // One step from the gradients that are kept.
  void apply(Launcher& launcher, float learning_rate, std::int64_t& step);
  // Adds the number of launched steps to `step`, even if a later step fails.
  void run(Launcher& launcher, const plugin::RangeRecord& range, const float* learning_rates,
           std::int64_t& step, const plugin::CancelRecord& cancel, plugin::SumsRecord& sums);

 private:
  // Batches of the same kind use the same graphs.
  struct Kind {
    int rows;
    bool weighted;
    auto operator<=>(const Kind&) const = default;
  };
  struct Graphs {
    int ranges = 0;       // number of ranges with batches of this kind
    bool loaded = false;  // whether a step with an update has run; a capture must not load kernels
    std::unique_ptr<Graph> one, many;  // graphs of one step and of several steps
    std::uint64_t used = 0;
  };

  void reserve_pass(std::int64_t batch_size);
  double operations(std::int64_t rows) const;
  Graphs& graphs_of(const Kind& kind);
  void enqueue(Launcher& launcher, const Kind& kind, bool update);
  void launch(Launcher& launcher, const Kind& kind, std::unique_ptr<Graph>& graph, int steps);
  std::int64_t run_steps(Launcher& launcher, int rows, std::int64_t count,
                         const plugin::RangeRecord& range, const plugin::CancelRecord& cancel,
                         plugin::SumsRecord& sums);

  Device& device_;
  const Program& program_;
  Parameters& parameters_;
  PassRunner& pass_;
  BoundData& data_;
  Range& range_;
  std::map<Kind, Graphs> graphs_;
  std::uint64_t uses_ = 0;
  DeviceMemory rates_;
};

}  // namespace neurode::cuda
