// What every device offers: executors of Programs, and a thread that does its work in order.
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
  std::vector<std::string> isas;  // of the CPU: those supported, best first
  int threads = 0;                // of the CPU: how many it takes by default
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
  // The seconds that a product takes (rows, inputs) . (inputs, units), or of a copy of so many
  // bytes. For benchmarks of GPUs.
  struct Measured {
    std::int64_t bytes;
    Precision precision;
    int rows, inputs, units;
  };
  virtual double measure(const Measured&) {
    throw Error("ERR_ARGUMENT", "device: expected a CUDA device, got " + name());
  }
  // Makes inference with these parameters, which are copied.
  virtual std::shared_ptr<const Inference> open_inference(Program program,
                                                          const ParameterValues& values) {
    return infer_by_executor(open(std::move(program)), values);
  }
  // The cost of inference that open_inference makes of the Program.
  virtual ForwardCost forward_cost(const Program&) const { return {}; }
  // Runs `work` on the device's thread, after what was submitted before. `work` must not throw.
  virtual void submit(std::function<void()> work) = 0;
};

}  // namespace neurode
