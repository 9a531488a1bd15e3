// The exports of the native module: devices, the op table, models and measurements.
#include <napi.h>

#include "native/addon/cluster.h"
#include "native/addon/connections.h"
#include "native/addon/convert.h"
#include "native/addon/measure.h"
#include "native/addon/model.h"
#include "native/addon/predictor.h"
#include "native/addon/tensors.h"
#include "native/addon/worker.h"
#include "native/devices/registry.h"
#include "native/engine/elements.h"
#include "native/engine/op_table.h"

namespace neurode::addon {
namespace {

template <class Strings>
Napi::Array to_strings(Napi::Env env, const Strings& strings) {
  Napi::Array array = Napi::Array::New(env);
  for (const std::string& text : strings) array.Set(array.Length(), text);
  return array;
}

Napi::Value devices(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&] {
    Napi::Array array = Napi::Array::New(env);
    for (const DeviceInfo& device : list_devices()) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", device.name);
      object.Set("available", device.available);
      if (!device.reason.empty()) object.Set("reason", device.reason);
      if (!device.isas.empty()) object.Set("isas", to_strings(env, device.isas));
      if (device.threads > 0) object.Set("threads", device.threads);
      if (!device.description.empty()) object.Set("description", device.description);
      if (device.available) object.Set("precisions", to_strings(env, device.precisions));
      array.Set(array.Length(), object);
    }
    return array;
  });
}

Napi::Value ops(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto rows = [&](OpKind kind) {
    Napi::Array array = Napi::Array::New(env);
    for (const OpRow& row : op_rows(kind)) {
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", row.name);
      object.Set("params", to_strings(env, row.params));
      array.Set(array.Length(), object);
    }
    return array;
  };
  return guard(env, [&] {
    Napi::Object object = Napi::Object::New(env);
    object.Set("activations", rows(OpKind::activation));
    object.Set("losses", rows(OpKind::loss));
    object.Set("metrics", rows(OpKind::metric));
    object.Set("optimizers", rows(OpKind::optimizer));
    object.Set("noises", rows(OpKind::noise));
    object.Set("features", rows(OpKind::feature));
    object.Set("poolings", rows(OpKind::pooling));
    object.Set("merges", rows(OpKind::merge));
    object.Set("regularizers", rows(OpKind::regularizer));
    return object;
  });
}

Napi::Value create_model(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&] {
    return env.GetInstanceData<AddonData>()->model_class.New({info[0], info[1]});
  });
}

// (plan): how many variables the optimizer keeps for each parameter.
Napi::Value count_slots(const Napi::CallbackInfo& info) {
  return guard(info.Env(),
               [&] { return Napi::Number::New(info.Env(), compile(to_plan(info[0])).slots); });
}

// (values): how many of the floats are NaN or infinite.
Napi::Value count_non_finite(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    Napi::Float32Array values = to_floats(info[0], "values");
    const auto count = static_cast<std::int64_t>(values.ElementLength());
    return Napi::Number::New(info.Env(),
                             static_cast<double>(neurode::count_non_finite(values.Data(), count)));
  });
}

void set_error_class(const Napi::CallbackInfo& info) {
  info.Env().GetInstanceData<AddonData>()->error_class =
      Napi::Persistent(info[0].As<Napi::Function>());
}

Napi::Object initialize(Napi::Env env, Napi::Object exports) {
  auto* data = new AddonData(env);
  env.SetInstanceData(data);
  data->model_class = Napi::Persistent(Model::define(env));
  exports.Set("version", NEURODE_VERSION);
  exports.Set("devices", Napi::Function::New<devices>(env, "devices"));
  exports.Set("ops", Napi::Function::New<ops>(env, "ops"));
  exports.Set("createModel", Napi::Function::New<create_model>(env, "createModel"));
  exports.Set("openModel", Napi::Function::New<Model::open>(env, "openModel"));
  exports.Set("countSlots", Napi::Function::New<count_slots>(env, "countSlots"));
  exports.Set("countNonFinite", Napi::Function::New<count_non_finite>(env, "countNonFinite"));
  exports.Set("setErrorClass", Napi::Function::New<set_error_class>(env, "setErrorClass"));
  exports.Set("measurePeak", Napi::Function::New<measure_peak>(env, "measurePeak"));
  exports.Set("measureGemm", Napi::Function::New<measure_gemm>(env, "measureGemm"));
  exports.Set("measureDevice", Napi::Function::New<measure_device>(env, "measureDevice"));
  exports.Set("measureOp", Napi::Function::New<measure_op>(env, "measureOp"));
  define_cluster(env, exports);
  data->predictor_class = Napi::Persistent(define_predictor(env));
  exports.Set("Predictor", data->predictor_class.Value());
  exports.Set("TensorReader", define_tensor_reader(env));
  exports.Set("Connections", define_connections(env));
  exports.Set("freeBuffer", Napi::Function::New<free_buffer>(env, "freeBuffer"));
  exports.Set("checkJson", Napi::Function::New<check_json>(env, "checkJson"));
  exports.Set("convertTensor", Napi::Function::New<convert_tensor>(env, "convertTensor"));
  exports.Set("placeTensor", Napi::Function::New<place_tensor>(env, "placeTensor"));
  exports.Set("formatNumbers", Napi::Function::New<format_numbers>(env, "formatNumbers"));
  return exports;
}

}  // namespace
}  // namespace neurode::addon

using neurode::addon::initialize;
NODE_API_MODULE(neurode, initialize)
