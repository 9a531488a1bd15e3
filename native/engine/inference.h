// A model frozen for inference: it never changes, so any number of threads may share it.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode {

class Executor;

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
