// Converts JavaScript values to the engine's types.
#include "native/addon/convert.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <utility>

#include "native/engine/layers.h"
#include "native/engine/number_text.h"
#include "native/engine/op_table.h"
#include "native/engine/tallies.h"

namespace neurode::addon {
namespace {

[[noreturn]] void fail(const char* name, const char* expected) {
  throw Error("ERR_ARGUMENT", std::string(name) + ": expected " + expected);
}

Napi::Array to_array(Napi::Value value, const char* name) {
  if (!value.IsArray()) fail(name, "an array");
  return value.As<Napi::Array>();
}

Params to_params(Napi::Value value, const char* name) {
  const Napi::Array numbers = to_array(value, name);
  Params params{};
  if (numbers.Length() > params.size())
    fail(name, ("at most " + std::to_string(kMostParams) + " numbers").c_str());
  for (std::uint32_t i = 0; i < numbers.Length(); ++i) {
    params[i] = static_cast<float>(to_number(numbers.Get(i), name));
  }
  return params;
}

Op to_op(Napi::Value value, const char* name, OpKind kind) {
  const Napi::Object object = to_object(value, name);
  return {op_row(kind, member(object, "name", to_text)), member(object, "params", to_params)};
}

Along to_along(Napi::Value value, const char* name) {
  const Napi::Object object = to_object(value, name);
  return {static_cast<int>(member(object, "length", to_integer, 1, kMostFeatures)),
          static_cast<int>(member(object, "inner", to_integer, 1, kMostFeatures))};
}

// Converts an optional member; `standard` is its default.
template <class T, class Convert, class... More>
T optional(Napi::Object object, const char* name, T standard, Convert convert, More... more) {
  return object.Get(name).IsUndefined() ? standard : member(object, name, convert, more...);
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
    // A kind has only some of these members; the others are 0.
    const auto number = [&](const char* which) {
      return static_cast<float>(optional(object, which, 0.0, to_number));
    };
    Initializer initializer{};
    initializer.kind = kind;
    initializer.seed = member(object, "seed", to_integer, 0, kMostSeed);
    initializer.value = number("value");
    initializer.low = number("low");
    initializer.high = number("high");
    initializer.mean = number("mean");
    initializer.deviation = number("deviation");
    initializer.gain = number("gain");
    return initializer;
  }
  throw Error("ERR_UNKNOWN_NAME",
              std::string(name) + ": no initializer is called '" + kind_name + "'");
}

Constraint to_constraint(Napi::Value value, const char* name) {
  const Napi::Object object = to_object(value, name);
  const std::string kind = member(object, "name", to_text);
  Constraint constraint{};
  constraint.kind = Constraint::Kind::not_negative;
  constraint.rate = 0;
  if (kind == "notNegative") return constraint;
  if (kind != "norm")
    throw Error("ERR_UNKNOWN_NAME", std::string(name) + ": no constraint is called '" + kind + "'");
  constraint.kind = Constraint::Kind::norm;
  constraint.least = static_cast<float>(member(object, "least", to_number));
  constraint.most = static_cast<float>(member(object, "most", to_number));
  constraint.rate = static_cast<float>(member(object, "rate", to_number));
  constraint.along = optional(object, "along", Along{}, to_along);
  return constraint;
}

ParameterPlan to_parameter(Napi::Value value, const char* name) {
  const Napi::Object object = to_object(value, name);
  ParameterPlan parameter;
  parameter.initializer = member(object, "initializer", to_initializer);
  parameter.decays = optional(object, "decays", true, to_bool);
  if (!object.Get("regularizer").IsUndefined())
    parameter.regularizer = member(object, "regularizer", to_op, OpKind::regularizer);
  parameter.constraint = optional(object, "constraint", Constraint{}, to_constraint);
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
  update.lazy = optional(object, "lazy", false, to_bool);
  update.average_momentum = number("averageMomentum");
  update.overwrite_frequency = count("overwriteFrequency", 0);
  return update;
}

// Reads a layer's members from an object.
class ObjectReader final : public LayerReader {
 public:
  explicit ObjectReader(Napi::Object object) : object_(object) {}

  bool has(const char* name) const override { return !object_.Get(name).IsUndefined(); }
  std::string text(const char* name) const override { return member(object_, name, to_text); }
  bool flag(const char* name) const override { return member(object_, name, to_bool); }
  double number(const char* name) const override { return member(object_, name, to_number); }
  std::int64_t integer(const char* name, std::int64_t least, std::int64_t most) const override {
    return member(object_, name, to_integer, least, most);
  }
  Op op(const char* name, OpKind kind) const override { return member(object_, name, to_op, kind); }
  Along along(const char* name) const override { return member(object_, name, to_along); }
  std::vector<int> integers(const char* name, std::int64_t most) const override {
    const Napi::Array array = member(object_, name, to_array);
    std::vector<int> integers;
    for (std::uint32_t i = 0; i < array.Length(); ++i)
      integers.push_back(static_cast<int>(to_integer(array.Get(i), name, 0, most)));
    return integers;
  }
  ParameterPlan parameter(const char* name) const override {
    return member(object_, name, to_parameter);
  }

 private:
  const Napi::Object object_;
};

TallyPlan to_tally(Napi::Object object) {
  TallyPlan tally;
  const std::string kind = member(object, "kind", to_text);
  const auto* const found = std::find(std::begin(kTallyKinds), std::end(kTallyKinds), kind);
  if (found == std::end(kTallyKinds)) fail("kind", "a kind of tally");
  tally.kind = static_cast<TallyPlan::Kind>(found - std::begin(kTallyKinds));
  const auto integer = [&](const char* name, int otherwise) {
    return static_cast<int>(
        optional(object, name, std::int64_t{otherwise}, to_integer, 0, kMostFeatures));
  };
  tally.class_id = integer("classId", -1);
  tally.top_k = integer("topK", 0);
  tally.classes = integer("classes", 0);
  tally.soft = optional(object, "soft", false, to_bool);
  tally.clips = optional(object, "clips", false, to_bool);
  tally.by_output = optional(object, "byOutput", false, to_bool);
  tally.from_logits = optional(object, "fromLogits", false, to_bool);
  tally.weighted = optional(object, "weighted", false, to_bool);
  if (!object.Get("thresholds").IsUndefined()) {
    const Napi::Float32Array thresholds = member(object, "thresholds", to_floats);
    tally.thresholds.assign(thresholds.Data(), thresholds.Data() + thresholds.ElementLength());
  }
  return tally;
}

HeadPlan to_head(Napi::Object object, std::int64_t values) {
  HeadPlan head;
  head.value = static_cast<int>(optional(object, "value", std::int64_t{-1}, to_integer, 0, values));
  if (!object.Get("loss").IsUndefined()) head.loss = member(object, "loss", to_op, OpKind::loss);
  head.loss_weight = static_cast<float>(optional(object, "lossWeight", 1.0, to_number));
  const std::string reduction = member(object, "reduction", to_text);
  head.reduction = reduction == "sum"            ? Reduction::sum
                   : reduction == "weightedMean" ? Reduction::weighted_mean
                                                 : Reduction::mean;
  const Napi::Array metrics = member(object, "metrics", to_array);
  for (std::uint32_t i = 0; i < metrics.Length(); ++i)
    head.metrics.push_back(to_op(metrics.Get(i), "metrics", OpKind::metric));
  const std::int64_t count = metrics.Length();
  if (!object.Get("tallies").IsUndefined()) {
    const Napi::Array tallies = member(object, "tallies", to_array);
    for (std::uint32_t i = 0; i < tallies.Length(); ++i)
      head.tallies.push_back(to_tally(to_object(tallies.Get(i), "tallies")));
  }
  head.weighted_from =
      static_cast<int>(optional(object, "weightedFrom", count, to_integer, 0, count));
  head.positions = static_cast<int>(
      optional(object, "positions", std::int64_t{1}, to_integer, std::int64_t{1}, kMostFeatures));
  return head;
}

Parts to_parts(Napi::Value value, const char* name) {
  const Napi::Object object = to_object(value, name);
  const auto number = [&](const char* member_name, int least) {
    return static_cast<int>(
        member(object, member_name, to_integer, std::int64_t{least}, std::int64_t{kMostParts}));
  };
  return {.count = number("count", 1), .first = number("first", 0), .mine = number("mine", 1)};
}

TrainingPlan to_training(Napi::Object object, std::int64_t values) {
  TrainingPlan training;
  const Napi::Array heads = member(object, "heads", to_array);
  if (heads.Length() == 0) fail("heads", "at least one");
  for (std::uint32_t i = 0; i < heads.Length(); ++i)
    training.heads.push_back(to_head(to_object(heads.Get(i), "heads"), values));
  training.captures = optional(object, "captures", false, to_bool);
  training.gradients = optional(object, "gradients", false, to_bool);
  training.input_gradients = optional(object, "inputGradients", false, to_bool);
  training.inference = optional(object, "inference", false, to_bool);
  training.update = to_update(object);
  if (object.Has("parts")) training.parts = member(object, "parts", to_parts);
  return training;
}

}  // namespace

Precision to_precision(Napi::Value value, const char* name) {
  const std::string text = to_text(value, name);
  if (text == "float32") return Precision::float32;
  if (text == "tf32") return Precision::tf32;
  if (text == "bfloat16") return Precision::bfloat16;
  fail(name, "'float32', 'tf32' or 'bfloat16'");
}

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
                                    ", got " + number_text(number));
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

Elements to_elements(Napi::Value value, const char* name) {
  static constexpr std::pair<napi_typedarray_type, ElementType> kTypes[] = {
      {napi_uint8_array, ElementType::uint8},    {napi_uint8_clamped_array, ElementType::uint8},
      {napi_int8_array, ElementType::int8},      {napi_uint16_array, ElementType::uint16},
      {napi_int16_array, ElementType::int16},    {napi_uint32_array, ElementType::uint32},
      {napi_int32_array, ElementType::int32},    {napi_float32_array, ElementType::float32},
      {napi_float64_array, ElementType::float64}};
  if (!value.IsTypedArray())
    throw Error("ERR_DTYPE", std::string(name) + ": expected a typed array");
  napi_typedarray_type given;
  std::size_t count;
  void* data;
  // This accepts shared memory as well, which Node-API does not treat as an ArrayBuffer.
  if (napi_get_typedarray_info(value.Env(), value, &given, &count, &data, nullptr, nullptr) !=
      napi_ok)
    throw Error("ERR_DTYPE", std::string(name) + ": expected a typed array");
  for (const auto& [type, element] : kTypes)
    if (given == type) return {data, element, static_cast<std::int64_t>(count)};
  throw Error("ERR_DTYPE", std::string(name) + ": expected no 64-bit integers");
}

InputView to_input(Napi::Object object, const Elements& elements, int features) {
  InputView view;
  view.features = features;
  view.scale = static_cast<float>(member(object, "scale", to_number));
  view.offset = static_cast<float>(member(object, "offset", to_number));
  if (elements.type == ElementType::uint8) {
    view.bytes = static_cast<const std::uint8_t*>(elements.data);
  } else if (elements.type == ElementType::float32) {
    view.floats = static_cast<const float*>(elements.data);
  }
  view.rows = elements.count / features;
  if (view.rows == 0 || view.rows * features != elements.count) {
    throw Error("ERR_SHAPE", "input: expected whole rows of " + std::to_string(features) +
                                 " values, got " + std::to_string(elements.count) + " values");
  }
  return view;
}

Plan to_plan(Napi::Value value) {
  const Napi::Object object = to_object(value, "plan");
  Plan plan;
  plan.input_size = static_cast<int>(member(object, "inputSize", to_integer, 1, kMostFeatures));
  const Napi::Array layers = member(object, "layers", to_array);
  for (std::uint32_t i = 0; i < layers.Length(); ++i)
    plan.layers.push_back(read_layer(ObjectReader(to_object(layers.Get(i), "layer"))));
  const auto count = static_cast<std::int64_t>(plan.layers.size());
  if (object.Has("output"))
    plan.output = static_cast<int>(member(object, "output", to_integer, 0, count));
  if (object.Has("precision")) plan.precision = member(object, "precision", to_precision);
  const Napi::Value training = object.Get("training");
  if (!training.IsUndefined()) plan.training = to_training(to_object(training, "training"), count);
  return plan;
}

void check_indices(const Elements& elements, const InputView& input, const std::vector<int>& limits,
                   const char* name) {
  if (limits.empty()) return;
  constexpr std::int64_t kPiece = 1024;
  float values[kPiece];
  int feature = 0;
  for (std::int64_t first = 0; first < elements.count; first += kPiece) {
    const std::int64_t end = std::min(first + kPiece, elements.count);
    const auto* const start = static_cast<const char*>(elements.data);
    const Elements piece{start + first * size_of(elements.type), elements.type, end - first};
    convert_to_floats(piece, 1, 0, values);
    for (std::int64_t i = first; i < end; ++i, ++feature) {
      if (feature == input.features) feature = 0;
      const int count = limits[feature];
      const float value = values[i - first] * input.scale + input.offset;
      if (count == 0 ||
          (value >= 0 && value < static_cast<float>(count) && value == std::floor(value)))
        continue;
      throw Error("ERR_LABEL_RANGE", std::string(name) + ": expected integers from 0 to " +
                                         std::to_string(count - 1) + ", got " + number_text(value) +
                                         " in row " + std::to_string(i / input.features) +
                                         " at position " + std::to_string(i % input.features));
    }
  }
}

void check_indices(const InputView& input, const std::vector<int>& limits, const char* name) {
  const bool is_bytes = input.bytes != nullptr;
  const void* const data = is_bytes ? static_cast<const void*>(input.bytes) : input.floats;
  const ElementType type = is_bytes ? ElementType::uint8 : ElementType::float32;
  check_indices(Elements{data, type, input.rows * input.features}, input, limits, name);
}

}  // namespace neurode::addon
