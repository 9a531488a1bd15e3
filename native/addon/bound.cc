#include "native/addon/bound.h"

#include <numeric>
#include <string>

#include "native/addon/convert.h"
#include "native/addon/copies.h"
#include "native/addon/range.h"

namespace neurode::addon {
namespace {

Uninitialized<float> converted(const Elements& elements, double scale, double offset,
                               std::int64_t rows, const char* name) {
  Uninitialized<float> floats(elements.count);
  const std::int64_t at = convert_to_floats(elements, scale, offset, floats.data());
  if (at < 0) return floats;
  throw Error("ERR_ARGUMENT",
              std::string(name) +
                  ": expected numbers that float32 holds, up to 3.4e38: scale the data, got a "
                  "larger one in row " +
                  std::to_string(at / (elements.count / rows)));
}

}  // namespace

Memory memory_of(Napi::Object array) {
  const Napi::Value lent = array.Get("lent");
  return !lent.IsUndefined() && to_bool(lent, "lent") ? Memory::lent : Memory::kept;
}

BoundInput::BoundInput(Napi::Object input, Memory memory, const Program& program) {
  elements_ = to_elements(input.Get("data"), "input.data");
  view_ = to_input(input, elements_, program.input_size);
  rows_ = view_.rows;
  if (memory == Memory::lent) {
    if (view_.bytes != nullptr) {
      bytes_ = copy_of(view_.bytes, elements_.count);
      elements_.data = view_.bytes = bytes_.data();
    } else {
      floats_ = view_.floats != nullptr ? copy_of(view_.floats, elements_.count)
                                        : converted(elements_, 1, 0, rows_, "x");
      elements_ = {floats_.data(), ElementType::float32, elements_.count};
      view_.floats = floats_.data();
    }
  }
  limits_ = program.input_limits;
  check_indices(elements_, view_, limits_, "x");
}

bool BoundInput::fits(const Program& program) const {
  return view_.features == program.input_size && limits_ == program.input_limits;
}

InputView BoundInput::view() {
  if (view_.bytes == nullptr && view_.floats == nullptr) {
    floats_ = converted(elements_, 1, 0, rows_, "x");
    view_.floats = floats_.data();
  }
  return view_;
}

BoundTargets::BoundTargets(Napi::Object targets, const Program& program, std::int64_t rows)
    : rows_(rows) {
  if (rows > kMostRows) throw Error("ERR_SHAPE", "input: more than 2^31 rows");
  view_.outputs = program.outputs();
  view_.positions = program.positions;
  elements_ = to_elements(targets.Get("data"), "targets.data");
  if (member(targets, "kind", to_text) == "classes") {
    take_classes(program);
  } else {
    take_rows(targets, program);
  }
  const Napi::Value weights = targets.Get("weights");
  if (weights.IsUndefined()) return;
  const Napi::Float32Array values = to_floats(weights, "targets.weights");
  if (static_cast<std::int64_t>(values.ElementLength()) != rows * program.positions)
    throw Error("ERR_SHAPE", "targets.weights: expected one for each row");
  weights_.assign(values.Data(), values.Data() + values.ElementLength());
  view_.weights = weights_.data();
}

void BoundTargets::take_classes(const Program& program) {
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
}

void BoundTargets::take_rows(Napi::Object targets, const Program& program) {
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
  if (memory_of(targets) == Memory::kept) return;
  if (view_.bytes != nullptr) {
    bytes_ = copy_of(view_.bytes, elements_.count);
    view_.bytes = bytes_.data();
  } else {
    floats_ = view_.rows != nullptr ? copy_of(view_.rows, elements_.count)
                                    : converted(elements_, scale_, offset_, rows_, "y");
    view_.rows = floats_.data();
  }
}

bool BoundTargets::fits(const Program& program) const {
  return view_.outputs == program.outputs() && view_.positions == program.positions;
}

TargetsView BoundTargets::view() {
  if (view_.classes == nullptr && view_.bytes == nullptr && view_.rows == nullptr) {
    floats_ = converted(elements_, scale_, offset_, rows_, "y");
    view_.rows = floats_.data();
  }
  return view_;
}

Bound::Bound(Napi::Object input, Napi::Object targets, const Program& program, int handle)
    : input(std::make_shared<BoundInput>(input, memory_of(input), program)),
      targets(std::make_shared<BoundTargets>(targets, program, this->input->rows())),
      handle(handle) {}

Bound::Bound(const Bound& other, const Program& program, int handle)
    : input(other.input), targets(other.targets), handle(handle) {
  if (!input->fits(program) || !targets->fits(program))
    throw Error("ERR_SHAPE", "data: bound for a model of other shapes");
}

DataView Bound::rows() const {
  DataView data;
  data.input.rows = input->rows();
  data.handle = handle;
  return data;
}

}  // namespace neurode::addon
