// A model frozen for inference. It never changes, so any number of threads may share it.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <memory>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode {

class Executor;

// The cost of a prediction on the calling thread, in floating-point operations of large matrix
// products.
struct ForwardCost {
  double row = 0;
  double weights = 0;  // the least cost, as all weights are read from memory
  int lanes = 1;       // rows are computed in groups of this size
  double quick = 0;    // the cost of half a millisecond; 0: no prediction is quick

  double of_rows(std::int64_t rows) const {
    return row * static_cast<double>((rows + lanes - 1) / lanes * lanes);
  }
  double of(std::int64_t rows) const { return std::max(of_rows(rows), weights); }
  bool is_quick(std::int64_t rows) const { return of(rows) < quick; }
};

class Inference {
 public:
  virtual ~Inference() = default;

  // Runs on the device's thread. `output` is (rows, outputs).
  virtual void predict(const InputView& input, float* output,
                       const std::atomic<bool>& cancelled) const = 0;
  // As predict(), but on the calling thread.
  virtual void predict_here(const InputView& input, float* output) const = 0;
};

// All parameters of the Program, in Keras' order.
using ParameterValues = std::vector<const float*>;

// Works for any Program on any device. The inference owns the executor and serves one caller at a
// time.
std::shared_ptr<const Inference> infer_by_executor(std::unique_ptr<Executor> executor,
                                                   const ParameterValues& values);

}  // namespace neurode
