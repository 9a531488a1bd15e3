// The JavaScript class of a model on a device: the properties and methods that read and write its
// state, and gradients.
#include <memory>
#include <string>

#include "native/addon/convert.h"
#include "native/addon/copies.h"
#include "native/addon/model.h"
#include "native/addon/opening.h"
#include "native/engine/flush_subnormals.h"

namespace neurode::addon {

Napi::Value Model::get_device(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::String::New(info.Env(), core().device->name()); });
}

Napi::Value Model::get_isa(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::String::New(info.Env(), core().device->isa()); });
}

Napi::Value Model::get_threads(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), core().device->threads()); });
}

Napi::Value Model::get_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&] {
    Napi::Array parameters = Napi::Array::New(env);
    for (const Parameter& parameter : core().program.parameters) {
      Napi::Array shape = Napi::Array::New(env);
      if (parameter.rows > 0) shape.Set(shape.Length(), Napi::Number::New(env, parameter.rows));
      shape.Set(shape.Length(), Napi::Number::New(env, parameter.columns));
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", parameter.name);
      object.Set("shape", shape);
      object.Set("trainable", Napi::Boolean::New(env, parameter.trainable));
      object.Set("learns", Napi::Boolean::New(env, parameter.update != Update::none));
      parameters.Set(parameters.Length(), object);
    }
    return parameters;
  });
}

Napi::Value Model::get_slots(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), core().program.slots); });
}

Napi::Value Model::get_step(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    return Napi::Number::New(info.Env(), static_cast<double>(*idle_core().step));
  });
}

void Model::set_step(const Napi::CallbackInfo& info, const Napi::Value& value) {
  guard(info.Env(), [&] { *idle_core().step = to_integer(value, "step", 0, kMostSeed); });
}

Napi::Value Model::get_busy(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), *jobs_ > 0);
}

int Model::slot_index(Napi::Value value) {
  const std::int64_t count = core().program.slots;
  if (count == 0) throw Error("ERR_ARGUMENT", "slot: the optimizer has no variables");
  return static_cast<int>(to_integer(value, "slot", 0, count - 1));
}

// The index of a parameter, which must have optimizer variables.
int Model::trainable_index(Napi::Value value) {
  const int index = parameter_index(value);
  const Parameter& parameter = core().program.parameters[index];
  if (parameter.trainable) return index;
  throw Error("ERR_ARGUMENT", "index: " + parameter.name + " has no optimizer variables");
}

int Model::parameter_index(Napi::Value value) {
  const auto count = static_cast<std::int64_t>(core().program.parameters.size());
  if (count == 0) throw Error("ERR_ARGUMENT", "index: the model has no parameters");
  return static_cast<int>(to_integer(value, "index", 0, count - 1));
}

Napi::Value Model::get_parameter(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const int index = parameter_index(info[0]);
    Napi::Float32Array values =
        Napi::Float32Array::New(info.Env(), core().program.parameters[index].size());
    float* const to = values.Data();
    read_core([&](Core& core) { core.executor->get_parameter(index, to); });
    return values;
  });
}

void Model::set_parameter(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    Core& core = idle_core();
    const int index = parameter_index(info[0]);
    core.executor->set_parameter(index, sized(info[1], core.program.parameters[index]).Data());
  });
}

Napi::Value Model::get_slot(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    Core& core = idle_core();
    const int slot = slot_index(info[0]);
    const int index = trainable_index(info[1]);
    Napi::Float32Array values =
        Napi::Float32Array::New(info.Env(), core.program.parameters[index].size());
    core.executor->get_slot(slot, index, values.Data());
    return values;
  });
}

void Model::set_slot(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    Core& core = idle_core();
    const int slot = slot_index(info[0]);
    const int index = trainable_index(info[1]);
    core.executor->set_slot(slot, index, sized(info[2], core.program.parameters[index]).Data());
  });
}

// The methods for gradients.

Napi::Value Model::sibling(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    Core& core = this->core();
    Opening opening;
    opening.core = std::make_shared<Core>();
    opening.core->device = core.device;
    opening.core->program = compile(to_plan(info[0]));
    opening.core->executor = core.executor->sibling(opening.core->program);
    opening.core->step = core.step;
    opening.core->jobs = core.jobs;
    opening.core->is_sibling = true;
    const AddonData* const data = env.GetInstanceData<AddonData>();
    return data->model_class.New({Napi::External<Opening>::New(env, &opening)});
  });
}

// (gradients, learningRate, here)
Napi::Value Model::apply_gradients(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    Core& own = core();
    const std::vector<float*> given = to_gradients(info[0], "gradients", own.program);
    const auto rate = static_cast<float>(to_number(info[1], "learningRate"));
    if (may_be_here(info[2], Work::apply, 0, 1)) {
      const FlushSubnormals flush;
      own.executor->apply({given.begin(), given.end()}, rate, *own.step, true);
      ++*jobs_;
      return env.Undefined();
    }
    // The arrays are the caller's, who may change them as soon as this call has returned.
    const auto copies = std::make_shared<std::vector<Uninitialized<float>>>();
    std::vector<const float*> gradients;
    for (std::size_t i = 0; i < given.size(); ++i) {
      if (given[i] != nullptr)
        copies->push_back(copy_of(given[i], own.program.parameters[i].size()));
      gradients.push_back(given[i] == nullptr ? nullptr : copies->back().data());
    }
    return submit(
        env, env.Undefined(), std::make_shared<std::atomic<bool>>(false),
        [core = core_, rate, copies, gradients](const std::atomic<bool>&) {
          core->executor->apply(gradients, rate, *core->step, false);
        },
        [](Napi::Env env) { return env.Undefined(); });
  });
}

}  // namespace neurode::addon
