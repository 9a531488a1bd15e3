// Builds the parameters of a Program.
#include "native/engine/parameter_builder.h"

#include <algorithm>
#include <string>
#include <utility>

#include "native/engine/error.h"
#include "native/engine/layers.h"
#include "native/engine/op_table.h"

namespace neurode {
namespace {

constexpr std::int64_t kMostParameters = std::int64_t{1} << 36;

// Whether updates wait until whole gradients are known, and do not run where gradients are
// computed.
bool defers(const UpdatePlan& plan) {
  return plan.clip_value > 0 || plan.clip_norm > 0 || plan.global_clip_norm > 0 ||
         plan.accumulation_steps > 1 || plan.averages;
}

// Throws if the constraint or the regularizer does not fit the parameter's shape. Executors rely on
// this check.
void check(const Parameter& parameter) {
  const auto fail = [&](const char* what) {
    throw Error("ERR_ARGUMENT", parameter.name + ": " + what);
  };
  const bool is_vector = parameter.layout == Layout::vector;
  const std::int64_t rows = std::max(parameter.rows, 1), columns = parameter.columns;
  const Along& along = parameter.constraint.along;
  const std::int64_t group = std::int64_t{along.length} * along.inner;
  const bool fits = is_vector ? along.length == 0 || columns % group == 0
                              : along.length == 0 ||
                                    (group == rows * columns && along.inner == columns) ||
                                    (along.length == columns && along.inner == 1);
  if (!fits) fail("a constraint along axes that it does not have");
  if (!parameter.regularizer || !is_of_matrices(*parameter.regularizer)) return;
  const bool of_columns = is_of_columns(*parameter.regularizer);
  if (is_vector || (of_columns ? columns : rows) < 2)
    fail("a regularizer that needs a matrix of several rows or columns");
}

}  // namespace

void ParameterBuilder::build() {
  inputs_ = plan_.input_size;
  bool is_first = true;
  for (const LayerPlan& layer : plan_.layers) add_layer(layer, std::exchange(is_first, false));
  program_.output_size = inputs_;
  if (plan_.training && inputs_ % plan_.training->positions != 0)
    throw Error("ERR_ARGUMENT", "positions: expected a divisor of the outputs");
}

void ParameterBuilder::add_layer(const LayerPlan& layer, bool is_first) {
  const LayerRow& row = layer_row(layer.kind);
  layer_ = &layer;
  const Along& along = layer.along;
  if (along.length > 0 && inputs_ % (std::int64_t{along.length} * along.inner) != 0)
    throw Error("ERR_ARGUMENT", "along: expected whole groups of features");
  if (row.indices != nullptr) {
    if (!is_first) throw Error("ERR_ARGUMENT", "layers: expected a layer of integers at the input");
    program_.input_indices = row.indices(layer);
  }
  const std::int64_t outputs = row.outputs(layer, inputs_);
  if (row.parameters != nullptr) row.parameters(layer, *this);
  if (values_ > kMostParameters || outputs > kMostFeatures)
    throw Error("ERR_OUT_OF_MEMORY", "the model has too many parameters");
  inputs_ = static_cast<int>(outputs);
}

int ParameterBuilder::channels() const {
  return layer_->along.length == 0 ? inputs_ : layer_->along.length;
}

void ParameterBuilder::add(const char* name, Layout layout, int rows, int columns,
                           const ParameterPlan& plan, int positions) {
  Parameter parameter{layer_->name + "/" + name, layout, rows, columns, plan.initializer};
  parameter.positions = positions;
  parameter.decays = plan.decays;
  if (plan_.training && layer_->trainable) {
    parameter.regularizer = plan.regularizer;
    parameter.constraint = plan.constraint;
    check(parameter);
    const bool waits = layout == Layout::table || plan.regularizer ||
                       plan.constraint.kind != Constraint::Kind::none ||
                       defers(plan_.training->update);
    parameter.update = waits ? Update::deferred : Update::fused;
  }
  values_ += parameter.size();
  program_.parameters.push_back(std::move(parameter));
}

void ParameterBuilder::add_scale_and_center() {
  if (layer_->use_kernel) add("kernel", Layout::vector, 0, channels(), layer_->kernel);
  if (layer_->use_bias) add("bias", Layout::vector, 0, channels(), layer_->bias);
}

void ParameterBuilder::add_statistics() {
  for (const auto& [name, plan] :
       {std::pair{"mean", &layer_->mean}, {"variance", &layer_->variance}}) {
    add(name, Layout::vector, 0, channels(), *plan);
    program_.parameters.back().trainable = false;
    program_.parameters.back().update = Update::none;
  }
}

}  // namespace neurode
