// Between JavaScript values and the engine's types.
#include "native/addon/convert.h"

#include <cmath>
#include <utility>

#include "native/engine/op_table.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMostFeatures = 1 << 28;
constexpr std::int64_t kMostParameters = std::int64_t{1} << 36;
constexpr std::int64_t kMostSeed = (std::int64_t{1} << 53) - 1;

[[noreturn]] void fail(const char* name, const char* expected) {
  throw Error("ERR_ARGUMENT", std::string(name) + ": expected " + expected);
}

Napi::Array to_array(Napi::Value value, const char* name) {
  if (!value.IsArray()) fail(name, "an array");
  return value.As<Napi::Array>();
}

std::array<float, 4> to_params(Napi::Value value, const char* name) {
  const Napi::Array numbers = to_array(value, name);
  std::array<float, 4> params{};
  if (numbers.Length() > params.size()) fail(name, "at most 4 numbers");
  for (std::uint32_t i = 0; i < numbers.Length(); ++i) {
    params[i] = static_cast<float>(to_number(numbers.Get(i), name));
  }
  return params;
}

Op to_op(Napi::Value value, const char* name, OpKind kind) {
  const Napi::Object object = to_object(value, name);
  return {op_row(kind, member(object, "name", to_text)), member(object, "params", to_params)};
}

Initializer to_initializer(Napi::Value value, const char* name) {
  using Kind = Initializer::Kind;
  static constexpr std::pair<const char*, Kind> kinds[] = {
      {"constant", Kind::constant},
      {"uniform", Kind::uniform},
      {"normal", Kind::normal},
      {"truncatedNormal", Kind::truncated_normal},
      {"orthogonal", Kind::orthogonal}};
  const Napi::Object object = to_object(value, name);
  const std::string kind_name = member(object, "name", to_text);
  for (const auto& [text, kind] : kinds) {
    if (kind_name != text) continue;
    const std::array<float, 4> params = member(object, "params", to_params);
    Initializer initializer{};
    initializer.kind = kind;
    initializer.params[0] = params[0];
    initializer.params[1] = params[1];
    initializer.seed = member(object, "seed", to_integer, 0, kMostSeed);
    return initializer;
  }
  throw Error("ERR_UNKNOWN_NAME",
              std::string(name) + ": no initializer is called '" + kind_name + "'");
}

// A member that may be left out.
template <class T, class Convert, class... More>
T optional(Napi::Object object, const char* name, T standard, Convert convert, More... more) {
  return object.Get(name).IsUndefined() ? standard : member(object, name, convert, more...);
}

ParameterPlan to_parameter(Napi::Value value, const char* name) {
  const Napi::Object object = to_object(value, name);
  ParameterPlan parameter;
  parameter.initializer = member(object, "initializer", to_initializer);
  parameter.decays = optional(object, "decays", true, to_bool);
  return parameter;
}

UpdatePlan to_update(Napi::Object object) {
  const auto number = [&](const char* key) {
    const double given = optional(object, key, 0.0, to_number);
    if (!(given >= 0)) fail(key, "a number of at least 0");
    return static_cast<float>(given);
  };
  const auto count = [&](const char* key, int least) {
    return static_cast<int>(
        optional(object, key, std::int64_t{least}, to_integer, least, std::int64_t{1} << 30));
  };
  UpdatePlan update;
  update.optimizer = member(object, "optimizer", to_op, OpKind::optimizer);
  update.weight_decay = number("weightDecay");
  update.clip_value = number("clipValue");
  update.clip_norm = number("clipNorm");
  update.global_clip_norm = number("globalClipNorm");
  update.accumulation_steps = count("accumulationSteps", 1);
  update.averages = optional(object, "averages", false, to_bool);
  update.average_momentum = number("averageMomentum");
  update.overwrite_frequency = count("overwriteFrequency", 0);
  return update;
}

LayerPlan to_layer(Napi::Value value) {
  const Napi::Object object = to_object(value, "layer");
  const std::string kind = member(object, "kind", to_text);
  LayerPlan layer{};
  layer.name = member(object, "name", to_text);
  layer.trainable = optional(object, "trainable", true, to_bool);
  if (kind == "dense") {
    layer.kind = LayerKind::dense;
    layer.units = static_cast<int>(member(object, "units", to_integer, 1, kMostFeatures));
    layer.use_bias = member(object, "useBias", to_bool);
    layer.activation = member(object, "activation", to_op, OpKind::activation);
    layer.kernel = member(object, "kernel", to_parameter);
    layer.bias = member(object, "bias", to_parameter);
  } else if (kind == "activation") {
    layer.kind = LayerKind::activation;
    layer.activation = member(object, "activation", to_op, OpKind::activation);
  } else if (kind == "dropout") {
    layer.kind = LayerKind::dropout;
    layer.rate = static_cast<float>(member(object, "rate", to_number));
    if (!(layer.rate >= 0 && layer.rate < 1)) fail("rate", "a number from 0 to below 1");
    layer.seed = member(object, "seed", to_integer, 0, kMostSeed);
  } else if (kind == "rescaling") {
    layer.kind = LayerKind::rescaling;
    layer.scale = static_cast<float>(member(object, "scale", to_number));
    layer.offset = static_cast<float>(member(object, "offset", to_number));
  } else {
    throw Error("ERR_UNKNOWN_NAME", "layer: no kind is called '" + kind + "'");
  }
  return layer;
}

TrainingPlan to_training(Napi::Object object) {
  TrainingPlan training;
  training.loss = member(object, "loss", to_op, OpKind::loss);
  training.reduction =
      member(object, "reduction", to_text) == "sum" ? Reduction::sum : Reduction::mean;
  const Napi::Array metrics = member(object, "metrics", to_array);
  for (std::uint32_t i = 0; i < metrics.Length(); ++i) {
    training.metrics.push_back(to_op(metrics.Get(i), "metrics", OpKind::metric));
  }
  training.update = to_update(object);
  return training;
}

Precision to_precision(Napi::Value value, const char* name) {
  const std::string text = to_text(value, name);
  if (text == "float32") return Precision::float32;
  if (text == "tf32") return Precision::tf32;
  if (text == "bfloat16") return Precision::bfloat16;
  fail(name, "'float32', 'tf32' or 'bfloat16'");
}

}  // namespace

Napi::Object to_object(Napi::Value value, const char* name) {
  if (!value.IsObject()) fail(name, "an object");
  return value.As<Napi::Object>();
}

std::string to_text(Napi::Value value, const char* name) {
  if (!value.IsString()) fail(name, "a string");
  return value.As<Napi::String>();
}

bool to_bool(Napi::Value value, const char* name) {
  if (!value.IsBoolean()) fail(name, "a boolean");
  return value.As<Napi::Boolean>();
}

double to_number(Napi::Value value, const char* name) {
  if (!value.IsNumber()) fail(name, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

std::int64_t to_integer(Napi::Value value, const char* name, std::int64_t least,
                        std::int64_t most) {
  const double number = to_number(value, name);
  if (!(number >= static_cast<double>(least) && number <= static_cast<double>(most)) ||
      number != std::floor(number)) {
    throw Error("ERR_ARGUMENT", std::string(name) + ": expected an integer from " +
                                    std::to_string(least) + " to " + std::to_string(most) +
                                    ", got " + std::to_string(number));
  }
  return static_cast<std::int64_t>(number);
}

Napi::Float32Array to_floats(Napi::Value value, const char* name) {
  if (!value.IsTypedArray() ||
      value.As<Napi::TypedArray>().TypedArrayType() != napi_float32_array) {
    throw Error("ERR_DTYPE", std::string(name) + ": expected a Float32Array");
  }
  return value.As<Napi::Float32Array>();
}

InputView to_input(Napi::Value value, int features) {
  const Napi::Object object = to_object(value, "input");
  const Napi::Value data = object.Get("data");
  InputView view;
  view.features = features;
  view.scale = static_cast<float>(member(object, "scale", to_number));
  view.offset = static_cast<float>(member(object, "offset", to_number));
  if (!data.IsTypedArray()) throw Error("ERR_DTYPE", "input.data: expected a typed array");
  const Napi::TypedArray array = data.As<Napi::TypedArray>();
  if (array.TypedArrayType() == napi_uint8_array) {
    view.bytes = data.As<Napi::Uint8Array>().Data();
  } else {
    view.floats = to_floats(data, "input.data").Data();
  }
  view.rows = static_cast<std::int64_t>(array.ElementLength()) / features;
  if (view.rows == 0 || view.rows * features != static_cast<std::int64_t>(array.ElementLength())) {
    throw Error("ERR_SHAPE", "input: expected whole rows of " + std::to_string(features) +
                                 " values, got " + std::to_string(array.ElementLength()) +
                                 " values");
  }
  return view;
}

Plan to_plan(Napi::Value value) {
  const Napi::Object object = to_object(value, "plan");
  Plan plan;
  plan.input_size = static_cast<int>(member(object, "inputSize", to_integer, 1, kMostFeatures));
  const Napi::Array layers = member(object, "layers", to_array);
  std::int64_t features = plan.input_size, parameters = 0;
  for (std::uint32_t i = 0; i < layers.Length(); ++i) {
    plan.layers.push_back(to_layer(layers.Get(i)));
    if (plan.layers.back().kind != LayerKind::dense) continue;
    parameters += features * plan.layers.back().units;
    features = plan.layers.back().units;
    if (parameters > kMostParameters)
      throw Error("ERR_OUT_OF_MEMORY", "the model has too many parameters");
  }
  if (object.Has("precision")) plan.precision = member(object, "precision", to_precision);
  const Napi::Value training = object.Get("training");
  if (!training.IsUndefined()) plan.training = to_training(to_object(training, "training"));
  return plan;
}

}  // namespace neurode::addon
