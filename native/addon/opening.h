// What a model is behind its JavaScript object, and how it is made.
#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "native/engine/device.h"
#include "native/engine/epoch_orders.h"

namespace neurode::addon {

// What a device's thread works on; outlives the JavaScript object while work is in flight.
struct ModelCore {
  std::shared_ptr<Device> device;
  Program program;
  std::unique_ptr<Executor> executor;
  std::int64_t step = 0;
  EpochOrders orders;
};

// From (plan, { device, threads }): all but the executor.
std::shared_ptr<ModelCore> to_core(const Napi::CallbackInfo& info);

// The values of one parameter.
Napi::Float32Array sized(Napi::Value value, const Parameter& parameter);

// A model that is made by another thread, from the memory of JavaScript's arrays.
struct Opening {
  std::shared_ptr<ModelCore> core;
  std::vector<const float*> parameters;
  std::vector<std::vector<const float*>> slots;  // null: the parameter has none

  void run() const;
};

// From (plan, { device, threads }, parameters, slots).
Opening to_opening(const Napi::CallbackInfo& info);

}  // namespace neurode::addon
