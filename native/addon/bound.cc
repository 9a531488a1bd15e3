#include "native/addon/bound.h"

#include <cmath>
#include <numeric>
#include <string>
#include <tuple>

#include "native/addon/convert.h"
#include "native/addon/copies.h"
#include "native/addon/range.h"
#include "native/engine/number_text.h"

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

std::vector<std::pair<int, int>> shapes_of(const Program& program) {
  std::vector<std::pair<int, int>> shapes;
  for (const Head& head : program.heads) shapes.emplace_back(head.outputs, head.positions);
  if (shapes.empty()) shapes.emplace_back(program.output_size, 1);
  return shapes;
}

}  // namespace

Memory memory_of(Napi::Object array) {
  const Napi::Value lent = array.Get("lent");
  return !lent.IsUndefined() && to_bool(lent, "lent") ? Memory::lent : Memory::kept;
}

std::int64_t rows_of(Napi::Object input, const Program& program) {
  return to_elements(input.Get("data"), "input.data").count / program.input_size;
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

BoundTargets::BoundTargets(Napi::Object targets, Memory memory, const Program& program,
                           std::int64_t rows)
    : rows_(rows) {
  if (rows > kMostRows) throw Error("ERR_SHAPE", "input: more than 2^31 rows");
  shapes_ = shapes_of(program);
  std::tie(view_.outputs, view_.positions) = shapes_.front();
  elements_ = to_elements(targets.Get("data"), "targets.data");
  const std::string kind = member(targets, "kind", to_text);
  if ((kind == "heads") != (shapes_.size() > 1))
    throw Error("ERR_ARGUMENT", "targets.kind: expected 'heads' for several heads alone");
  if (kind == "heads") {
    take_heads(targets, memory, program);
  } else if (kind == "classes") {
    take_classes(program);
  } else {
    take_rows(targets, memory, program);
  }
  const Napi::Value weights = targets.Get("weights");
  if (weights.IsUndefined()) return;
  const Napi::Float32Array values = to_floats(weights, "targets.weights");
  if (static_cast<std::int64_t>(values.ElementLength()) != rows * program.positions)
    throw Error("ERR_SHAPE", "targets.weights: expected one for each row");
  weights_.assign(values.Data(), values.Data() + values.ElementLength());
  view_.weights = weights_.data();
}

// The columns of the heads side by side, as float32.
void BoundTargets::take_heads(Napi::Object targets, Memory memory, const Program& program) {
  const Napi::Value classes = targets.Get("classes");
  const std::size_t heads = program.heads.size();
  if (!classes.IsArray() || classes.As<Napi::Array>().Length() != heads)
    throw Error("ERR_ARGUMENT", "targets.classes: expected a boolean for each head");
  for (std::size_t h = 0; h < heads; ++h) {
    const bool are_classes =
        to_bool(classes.As<Napi::Array>().Get(static_cast<std::uint32_t>(h)), "targets.classes");
    columns_.push_back({view_.row_size, are_classes});
    view_.row_size += are_classes ? program.heads[h].positions : program.heads[h].size();
  }
  view_.columns = columns_.data();
  view_.row_weights = program.positions;
  if (elements_.type != ElementType::float32)
    throw Error("ERR_DTYPE", "targets.data: expected a Float32Array");
  if (elements_.count != rows_ * view_.row_size) {
    throw Error("ERR_SHAPE", "targets: expected " + std::to_string(rows_) + " rows of " +
                                 std::to_string(view_.row_size) + " values, got " +
                                 std::to_string(elements_.count) + " values");
  }
  view_.rows = static_cast<const float*>(elements_.data);
  if (memory == Memory::lent) {
    floats_ = copy_of(view_.rows, elements_.count);
    view_.rows = floats_.data();
  }
  check_classes(program);
}

// Kernels read one-hot rows at these indices.
void BoundTargets::check_classes(const Program& program) const {
  for (std::size_t h = 0; h < columns_.size(); ++h) {
    if (!columns_[h].are_classes) continue;
    const Head& head = program.heads[h];
    for (std::int64_t row = 0; row < rows_; ++row) {
      const float* const labels = view_.rows + row * view_.row_size + columns_[h].begin;
      for (int p = 0; p < head.positions; ++p) {
        const float label = labels[p];
        if (label >= 0 && label < static_cast<float>(head.outputs) && label == std::floor(label))
          continue;
        throw Error("ERR_LABEL_RANGE", "targets: expected class indices from 0 to " +
                                           std::to_string(head.outputs - 1) + ", got " +
                                           number_text(label) + " in row " + std::to_string(row));
      }
    }
  }
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
    if (classes_[i] >= 0 && classes_[i] < view_.outputs) continue;
    throw Error("ERR_LABEL_RANGE", "targets: expected class indices from 0 to " +
                                       std::to_string(view_.outputs - 1) + ", got " +
                                       std::to_string(classes_[i]) + " in row " +
                                       std::to_string(i / program.positions));
  }
  view_.classes = classes_.data();
}

void BoundTargets::take_rows(Napi::Object targets, Memory memory, const Program& program) {
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
  if (memory == Memory::kept) return;
  if (view_.bytes != nullptr) {
    bytes_ = copy_of(view_.bytes, elements_.count);
    view_.bytes = bytes_.data();
  } else {
    floats_ = view_.rows != nullptr ? copy_of(view_.rows, elements_.count)
                                    : converted(elements_, scale_, offset_, rows_, "y");
    view_.rows = floats_.data();
  }
}

bool BoundTargets::fits(const Program& program) const { return shapes_ == shapes_of(program); }

TargetsView BoundTargets::view() {
  if (view_.classes == nullptr && view_.bytes == nullptr && view_.rows == nullptr) {
    floats_ = converted(elements_, scale_, offset_, rows_, "y");
    view_.rows = floats_.data();
  }
  return view_;
}

Bound::Bound(Napi::Object input, Napi::Object targets, const Program& program, int handle)
    : input(std::make_shared<BoundInput>(input, memory_of(input), program)),
      targets(std::make_shared<BoundTargets>(targets, memory_of(targets), program,
                                             this->input->rows())),
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
