// A model frozen for inference: it never changes, so any number of threads may share it.
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

// What predictions cost on the calling thread, in floating-point operations of large products.
struct ForwardCost {
  double row = 0;
  double weights = 0;        // at least, however few the rows: weights come from memory
  int lanes = 1;             // rows are computed by so many
  bool single_rows = false;  // but for one row alone
  double quick = 0;          // what takes half a millisecond; 0: nothing runs on that thread

  double of(std::int64_t rows) const {
    const std::int64_t groups = (rows + lanes - 1) / lanes;
    const std::int64_t computed = rows == 1 && single_rows ? 1 : groups * lanes;
    return std::max(row * static_cast<double>(computed), weights);
  }
  bool is_quick(std::int64_t rows) const { return of(rows) < quick; }
};

class Inference {
 public:
  virtual ~Inference() = default;

  // output (rows, outputs). On the device's thread.
  virtual void predict(const InputView& input, float* output,
                       const std::atomic<bool>& cancelled) const = 0;
  // The same on the calling thread.
  virtual void predict_here(const InputView& input, float* output) const = 0;
};

// Parameters in Keras order, as many as the Program has.
using ParameterValues = std::vector<const float*>;

// Any Program on any device: an executor of its own, one caller at a time.
std::shared_ptr<const Inference> infer_by_executor(std::unique_ptr<Executor> executor,
                                                   const ParameterValues& values);

}  // namespace neurode
