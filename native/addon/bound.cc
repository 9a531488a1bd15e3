#include "native/addon/bound.h"

#include <numeric>
#include <string>

#include "native/addon/convert.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMostRows = std::int64_t{1} << 31;

bool is_at(Napi::Value value, const Elements& elements) {
  const Napi::TypedArray array = value.As<Napi::TypedArray>();
  return static_cast<std::int64_t>(array.ByteLength()) == elements.bytes() &&
         static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset() == elements.data;
}

std::unique_ptr<float[]> converted(const Elements& elements, double scale, double offset,
                                   std::int64_t rows, const char* name) {
  std::unique_ptr<float[]> floats(new float[elements.count]);
  const std::int64_t at = convert_to_floats(elements, scale, offset, floats.get());
  if (at < 0) return floats;
  throw Error("ERR_ARGUMENT",
              std::string(name) +
                  ": expected numbers that float32 holds, up to 3.4e38: scale the data, got a "
                  "larger one in row " +
                  std::to_string(at / (elements.count / rows)));
}

}  // namespace

BoundInput::BoundInput(Napi::Value input, const Program& program) {
  const Napi::Object object = to_object(input, "input");
  elements_ = to_elements(object.Get("data"), "input.data");
  view_ = to_input(object, elements_, program.input_size);
  rows_ = view_.rows;
  check_indices(elements_, view_, program.input_indices, "x");
}

InputView BoundInput::view() {
  if (view_.bytes == nullptr && view_.floats == nullptr) {
    floats_ = converted(elements_, 1, 0, rows_, "x");
    view_.floats = floats_.get();
    is_copied_ = true;
  }
  return view_;
}

bool BoundInput::is_lost(Napi::Value array) const {
  return !is_copied_ && !is_at(array, elements_);
}

BoundTargets::BoundTargets(Napi::Object targets, const Program& program, std::int64_t rows)
    : rows_(rows) {
  if (rows > kMostRows) throw Error("ERR_SHAPE", "input: more than 2^31 rows");
  view_.outputs = program.outputs();
  view_.positions = program.positions;
  const Napi::Value data = targets.Get("data");
  if (member(targets, "kind", to_text) == "classes") {
    take_classes(data, program);
  } else {
    take_rows(targets, data, program);
  }
  const Napi::Value weights = targets.Get("weights");
  if (weights.IsUndefined()) return;
  const Napi::Float32Array values = to_floats(weights, "targets.weights");
  if (static_cast<std::int64_t>(values.ElementLength()) != rows * program.positions)
    throw Error("ERR_SHAPE", "targets.weights: expected one for each row");
  weights_.assign(values.Data(), values.Data() + values.ElementLength());
  view_.weights = weights_.data();
}

void BoundTargets::take_classes(Napi::Value data, const Program& program) {
  elements_ = to_elements(data, "targets.data");
  if (elements_.type != ElementType::int32)
    throw Error("ERR_DTYPE", "targets.data: expected an Int32Array of class indices");
  if (elements_.count != rows_ * program.positions)
    throw Error("ERR_SHAPE", "targets: expected a class index for each position of " +
                                 std::to_string(rows_) + " rows");
  const auto* const labels = static_cast<const std::int32_t*>(elements_.data);
  classes_.assign(labels, labels + elements_.count);
  for (std::int64_t i = 0; i < elements_.count; ++i) {
    if (classes_[i] >= 0 && classes_[i] < program.outputs()) continue;
    throw Error("ERR_LABEL_RANGE", "targets: expected class indices from 0 to " +
                                       std::to_string(program.outputs() - 1) + ", got " +
                                       std::to_string(classes_[i]) + " in row " +
                                       std::to_string(i / program.positions));
  }
  view_.classes = classes_.data();
  is_copied_ = true;
}

void BoundTargets::take_rows(Napi::Object targets, Napi::Value data, const Program& program) {
  elements_ = to_elements(data, "targets.data");
  const auto number = [&](const char* name, double standard) {
    return targets.Get(name).IsUndefined() ? standard : member(targets, name, to_number);
  };
  scale_ = number("scale", 1);
  offset_ = number("offset", 0);
  if (elements_.count != rows_ * program.output_size) {
    throw Error("ERR_SHAPE", "targets: expected " + std::to_string(rows_) + " rows of " +
                                 std::to_string(program.output_size) + " values, got " +
                                 std::to_string(elements_.count) + " values");
  }
  if (elements_.type == ElementType::uint8) {
    std::array<std::uint8_t, 256> all;
    std::iota(all.begin(), all.end(), std::uint8_t{0});
    const Elements bytes{all.data(), ElementType::uint8, 256};
    convert_to_floats(bytes, scale_, offset_, levels_.data());
    view_.bytes = static_cast<const std::uint8_t*>(elements_.data);
    view_.levels = levels_.data();
  } else if (elements_.type == ElementType::float32 && scale_ == 1 && offset_ == 0) {
    view_.rows = static_cast<const float*>(elements_.data);
  }
}

TargetsView BoundTargets::view() {
  if (view_.classes == nullptr && view_.bytes == nullptr && view_.rows == nullptr) {
    floats_ = converted(elements_, scale_, offset_, rows_, "y");
    view_.rows = floats_.get();
    is_copied_ = true;
  }
  return view_;
}

bool BoundTargets::is_lost(Napi::Value array) const {
  return !is_copied_ && !is_at(array, elements_);
}

DataView Bound::rows() const {
  DataView data;
  data.input.rows = input.rows();
  data.handle = handle;
  return data;
}

bool Bound::is_lost(Napi::Array arrays) const {
  return input.is_lost(arrays.Get(0u)) || targets.is_lost(arrays.Get(1u));
}

}  // namespace neurode::addon
