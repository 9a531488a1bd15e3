// The interface of a device: it creates executors of Programs, and has one thread that runs
// submitted work in order.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "native/engine/error.h"
#include "native/engine/executor.h"
#include "native/engine/inference.h"

namespace neurode {

struct DeviceInfo {
  std::string name;
  bool available = false;
  std::string reason;             // why it is not available
  std::vector<std::string> isas;  // CPU only: supported instruction sets, best first
  int threads = 0;                // CPU only: the default number of threads
  std::string description;
  std::vector<std::string> precisions = {"float32"};
};

class Device {
 public:
  virtual ~Device() = default;
  virtual std::string name() const = 0;
  virtual std::string isa() const = 0;
  virtual int threads() const = 0;
  virtual std::unique_ptr<Executor> open(Program program) = 0;
  // What measure() times: a copy of `bytes` bytes or, if bytes is 0, the product (rows, inputs) .
  // (inputs, units). measure() returns seconds. It serves benchmarks of GPUs.
  struct Measured {
    std::int64_t bytes;
    Precision precision;
    int rows, inputs, units;
  };
  virtual double measure(const Measured&) {
    throw Error("ERR_ARGUMENT", "device: expected a CUDA device, got " + name());
  }
  // Creates an Inference of the Program with a copy of these parameters.
  virtual std::shared_ptr<const Inference> open_inference(Program program,
                                                          const ParameterValues& values) {
    return infer_by_executor(open(std::move(program)), values);
  }
  // The cost of predictions by the Inference that open_inference would create.
  virtual ForwardCost forward_cost(const Program&) const { return {}; }
  // Runs `work` on the device's thread, after all work that was submitted earlier. `work` must not
  // throw.
  virtual void submit(std::function<void()> work) = 0;
};

}  // namespace neurode
