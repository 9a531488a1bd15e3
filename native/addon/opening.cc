// Creates the native part of a model.
#include "native/addon/opening.h"

#include <algorithm>
#include <string>

#include "native/addon/cluster.h"
#include "native/addon/convert.h"
#include "native/devices/registry.h"

namespace neurode::addon {

std::shared_ptr<ModelCore> to_core(const Napi::CallbackInfo& info) {
  const Napi::Object options = to_object(info[1], "options");
  auto core = std::make_shared<ModelCore>();
  core->program = compile(to_plan(info[0]));
  core->device = open_device(member(options, "device", to_text),
                             static_cast<int>(member(options, "threads", to_integer, 0, 1024)));
  return core;
}

void open_executor(ModelCore& core) {
  core.executor = core.device->open(core.program);
  const Parts& parts = core.program.parts;
  if (parts.mine < parts.count) core.executor->set_transport(ranks_of_process());
}

Napi::Float32Array sized(Napi::Value value, const Parameter& parameter) {
  const Napi::Float32Array values = to_floats(value, "values");
  if (static_cast<std::int64_t>(values.ElementLength()) != parameter.size()) {
    throw Error("ERR_SHAPE", "values: expected " + std::to_string(parameter.size()) + " for " +
                                 parameter.name + ", got " +
                                 std::to_string(values.ElementLength()));
  }
  return values;
}

std::vector<float*> to_gradients(Napi::Value value, const char* name, const Program& program) {
  if (!program.keeps_gradients)
    throw Error("ERR_ARGUMENT", "plan: expected one that keeps gradients");
  const Napi::Object arrays = to_object(value, name);
  std::vector<float*> gradients;
  for (std::uint32_t i = 0; i < program.parameters.size(); ++i) {
    const Napi::Value array = arrays.Get(i);
    gradients.push_back(array.IsUndefined() ? nullptr : sized(array, program.parameters[i]).Data());
  }
  return gradients;
}

Opening to_opening(const Napi::CallbackInfo& info) {
  Opening opening;
  opening.core = to_core(info);
  std::vector<Parameter>& parameters = opening.core->program.parameters;
  // The initial values are replaced at once, and drawing random ones would take most of the time.
  for (Parameter& parameter : parameters)
    parameter.initializer = {.kind = Initializer::Kind::constant};
  const auto read = [&](Napi::Value arrays, std::vector<const float*>& values) {
    for (const Parameter& parameter : parameters) {
      const Napi::Value array =
          arrays.As<Napi::Array>().Get(static_cast<std::uint32_t>(values.size()));
      values.push_back(array.IsUndefined() ? nullptr : sized(array, parameter).Data());
    }
  };
  read(info[2], opening.parameters);
  if (std::find(opening.parameters.begin(), opening.parameters.end(), nullptr) !=
      opening.parameters.end())
    throw Error("ERR_ARGUMENT", "parameters: expected as many as the model has");
  const Napi::Array slots = info[3].As<Napi::Array>();
  if (static_cast<int>(slots.Length()) > opening.core->program.slots)
    throw Error("ERR_ARGUMENT", "slots: the optimizer has fewer variables");
  for (std::uint32_t slot = 0; slot < slots.Length(); ++slot) {
    std::vector<const float*>& values = opening.slots.emplace_back();
    read(slots.Get(slot), values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      if (values[i] != nullptr && !parameters[i].trainable)
        throw Error("ERR_ARGUMENT", "slots: " + parameters[i].name + " has no optimizer variables");
    }
  }
  return opening;
}

void Opening::run() const {
  open_executor(*core);
  Executor& executor = *core->executor;
  for (int i = 0; i < static_cast<int>(parameters.size()); ++i)
    executor.set_parameter(i, parameters[i]);
  for (int slot = 0; slot < static_cast<int>(slots.size()); ++slot) {
    for (int i = 0; i < static_cast<int>(slots[slot].size()); ++i) {
      const float* const values = slots[slot][i];
      if (values != nullptr) executor.set_slot(slot, i, values);
    }
  }
}

}  // namespace neurode::addon
