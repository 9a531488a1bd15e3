// The native part of a model, and how it is created.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "native/engine/device.h"
#include "native/engine/epoch_orders.h"

namespace neurode::addon {

// The data that a device's thread works on. It outlives the JavaScript object while work is in
// flight.
struct ModelCore {
  std::shared_ptr<Device> device;
  Program program;
  std::unique_ptr<Executor> executor;
  // Of all models over these parameters: the steps of the optimizer, and the work in flight.
  std::shared_ptr<std::int64_t> step = std::make_shared<std::int64_t>(0);
  std::shared_ptr<int> jobs = std::make_shared<int>(0);
  bool is_sibling = false;  // another model owns the parameters
  EpochOrders orders;
};

// Creates the executor. One that computes some parts of batches alone gets the way to other ranks.
void open_executor(ModelCore& core);

// Reads (plan, { device, threads }). The executor is still null.
std::shared_ptr<ModelCore> to_core(const Napi::CallbackInfo& info);

// Converts the values of one parameter. Throws if their number is wrong.
Napi::Float32Array sized(Napi::Value value, const Parameter& parameter);

// The memory of an array of Float32Arrays by parameter, with null where there is none. Throws
// unless the Program keeps gradients.
std::vector<float*> to_gradients(Napi::Value value, const char* name, const Program& program);

// A model that another thread creates, from values in the memory of JavaScript arrays.
struct Opening {
  std::shared_ptr<ModelCore> core;
  std::vector<const float*> parameters;
  std::vector<std::vector<const float*>> slots;  // null: the parameter has no such variable

  void run() const;
};

// Reads (plan, { device, threads }, parameters, slots).
Opening to_opening(const Napi::CallbackInfo& info);

}  // namespace neurode::addon
