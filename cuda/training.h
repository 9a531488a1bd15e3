// Trains on ranges of batches, step by step or in graphs of several captured steps.
#pragma once

#include <map>
#include <memory>

#include "cuda/bound_data.h"
#include "cuda/exchange.h"
#include "cuda/part_gradients.h"
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
        range_(range),
        gradients_(program, parameters),
        exchange_(device, program, parameters) {}

  void set_transport(const plugin::TransportRecord& transport) {
    exchange_.set_transport(transport);
  }

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
    std::unique_ptr<Graph> one, many;    // graphs of one step and of several steps
    std::unique_ptr<Graph> parts, rest;  // of what comes before and behind an exchange with others
    std::uint64_t used = 0;
  };
  // What the steps of a range have in common.
  struct Steps {
    bool update;
    bool learns;     // whether there are gradients
    bool exchanges;  // whether they are added to those of other ranks
    const plugin::CancelRecord& cancel;
    bool cancelled = false;
  };

  void reserve_pass(std::int64_t batch_size);
  double operations(std::int64_t rows) const;
  bool has_gradients(const plugin::RangeRecord& range) const;
  Graphs& graphs_of(const Kind& kind);
  Batch batch_of(const Kind& kind, const Steps& steps) const;
  void enqueue(Launcher& launcher, const Batch& batch, bool learns) const;
  void exchange(Launcher& launcher, const Batch& batch, Steps& steps, Graphs& graphs,
                bool captured);
  template <class Enqueue>
  void launch(std::unique_ptr<Graph>& graph, Enqueue enqueue);
  std::int64_t own_rows(std::int64_t rows) const;
  std::int64_t run_steps(Launcher& launcher, const Kind& kind, std::int64_t count, Steps& steps,
                         plugin::SumsRecord& sums);

  Device& device_;
  const Program& program_;
  Parameters& parameters_;
  PassRunner& pass_;
  BoundData& data_;
  Range& range_;
  PartGradients gradients_;
  Exchange exchange_;
  std::map<Kind, Graphs> graphs_;
  std::uint64_t uses_ = 0;
  DeviceMemory rates_;
};

}  // namespace neurode::cuda
