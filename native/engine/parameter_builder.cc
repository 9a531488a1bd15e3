// Builds the parameters of a Program.
#include "native/engine/parameter_builder.h"

#include <algorithm>
#include <numeric>
#include <string>
#include <utility>

#include "native/engine/error.h"
#include "native/engine/heads.h"
#include "native/engine/layers.h"
#include "native/engine/op_table.h"

namespace neurode {
namespace {

constexpr std::int64_t kMostParameters = std::int64_t{1} << 36;

// Whether updates wait until whole gradients are known, and do not run where gradients are
// computed.
bool defers(const TrainingPlan& training) {
  const UpdatePlan& plan = training.update;
  return training.parts.count > 1 || training.gradients || plan.clip_value > 0 ||
         plan.clip_norm > 0 || plan.global_clip_norm > 0 || plan.accumulation_steps > 1 ||
         plan.averages;
}

// Whether steps change only those vectors of a table that their batches name.
bool changes_named_only(const TrainingPlan& training, const ParameterPlan& plan, int uses) {
  const UpdatePlan& update = training.update;
  const bool is_still_without =
      neurode::is_still(update.optimizer) && !(plan.decays && update.weight_decay > 0);
  return uses <= kMostTableUses && (update.lazy || is_still_without);
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
  if (parameter.padding >= 0) fail("a regularizer of whole rows, of which one does not learn");
  const bool of_columns = is_of_columns(*parameter.regularizer);
  if (is_vector || (of_columns ? columns : rows) < 2)
    fail("a regularizer that needs a matrix of several rows or columns");
}

}  // namespace

std::vector<int> ParameterBuilder::build() {
  const int layers = static_cast<int>(plan_.layers.size());
  sizes_.push_back(plan_.input_size);
  uses_.assign(layers, 1);
  for (int i = 0; i < layers; ++i) {
    check_references(i);
    if (plan_.layers[i].shares >= 0) ++uses_[plan_.layers[i].shares];
  }
  with_gradient_ = layers_with_gradient(plan_);
  for (int i = 0; i < layers; ++i) add_layer(i);
  program_.output_size = sizes_[output_of(plan_)];
  if (plan_.training) add_heads(plan_, sizes_, program_);
  return std::move(firsts_);
}

// Layers read earlier values only, so a Plan has no circles.
void ParameterBuilder::check_references(int index) const {
  const LayerPlan& layer = plan_.layers[index];
  for (const int value : layer.from)
    if (value > index) throw Error("ERR_ARGUMENT", "from: expected values before the layer's own");
  const bool takes_several = layer_row(layer.kind).joined != nullptr;
  if (layer.from.size() > 1 && !takes_several)
    throw Error("ERR_ARGUMENT", "from: expected one value");
  if (layer.shares < 0) return;
  const bool is_same = layer.shares < index && plan_.layers[layer.shares].shares < 0 &&
                       plan_.layers[layer.shares].kind == layer.kind;
  if (!is_same) throw Error("ERR_ARGUMENT", "shares: expected an earlier layer of the same kind");
}

void ParameterBuilder::add_layer(int index) {
  const LayerPlan& layer = plan_.layers[index];
  const LayerRow& row = layer_row(layer.kind);
  const std::vector<int> from = inputs_of(plan_, index);
  std::vector<int> inputs;
  for (const int value : from) inputs.push_back(sizes_[value]);
  layer_ = &layer;
  inputs_ = inputs.front();
  const Along& along = layer.along;
  if (along.length > 0 && inputs_ % (std::int64_t{along.length} * along.inner) != 0)
    throw Error("ERR_ARGUMENT", "along: expected whole groups of features");
  if (row.indices != nullptr) limit_columns(columns_of(from.front()), row.indices(layer));
  const std::int64_t outputs =
      row.joined != nullptr ? row.joined(layer, inputs) : row.outputs(layer, inputs_);
  firsts_.push_back(layer.shares >= 0 ? firsts_[layer.shares]
                                      : static_cast<int>(program_.parameters.size()));
  next_ = firsts_.back();
  if (row.parameters != nullptr) row.parameters(layer, *this);
  if (values_ > kMostParameters || outputs > kMostFeatures)
    throw Error("ERR_OUT_OF_MEMORY", "the model has too many parameters");
  sizes_.push_back(static_cast<int>(outputs));
}

std::vector<int> ParameterBuilder::columns_of(int value) const {
  std::vector<int> columns;
  if (value == 0) {
    columns.resize(plan_.input_size);
    std::iota(columns.begin(), columns.end(), 0);
    return columns;
  }
  const LayerPlan& layer = plan_.layers[value - 1];
  const bool takes = layer.kind == LayerKind::take;
  if (!takes && layer.kind != LayerKind::concatenation)
    throw Error("ERR_ARGUMENT", "layers: expected a layer of integers at the input");
  std::vector<std::vector<int>> inputs;
  for (const int from : inputs_of(plan_, value - 1)) inputs.push_back(columns_of(from));
  for (int row = 0; row < layer.block.rows; ++row) {
    for (const std::vector<int>& input : inputs) {
      const int each = static_cast<int>(input.size()) / layer.block.rows;
      const auto first = input.begin() + std::int64_t{row} * each + (takes ? layer.begin : 0);
      columns.insert(columns.end(), first, first + (takes ? layer.block.columns : each));
    }
  }
  return columns;
}

// A feature that several layers read as an index has to suit all of them.
void ParameterBuilder::limit_columns(const std::vector<int>& columns, int limit) {
  std::vector<int>& limits = program_.input_limits;
  limits.resize(plan_.input_size);
  for (const int column : columns)
    limits[column] = limits[column] == 0 ? limit : std::min(limits[column], limit);
}

int ParameterBuilder::channels() const {
  return layer_->along.length == 0 ? inputs_ : layer_->along.length;
}

void ParameterBuilder::add(const char* name, Layout layout, int rows, int columns,
                           const ParameterPlan& plan, int positions) {
  if (layer_->shares >= 0) {
    Parameter& shared = program_.parameters[next_++];
    if (shared.layout != layout || shared.rows != rows || shared.columns != columns)
      throw Error("ERR_SHAPE", shared.name + ": a further use of its layer needs another shape");
    shared.positions = std::max(shared.positions, positions);
    return;
  }
  Parameter parameter{layer_->name + "/" + name, layout, rows, columns, plan.initializer};
  parameter.positions = positions;
  parameter.uses = uses_[firsts_.size() - 1];
  parameter.decays = plan.decays;
  parameter.padding = layer_->padding;
  if (plan_.training && layer_->trainable) {
    parameter.regularizer = plan.regularizer;
    parameter.constraint = plan.constraint;
    check(parameter);
    const bool is_table = layout == Layout::table;
    const bool waits = (is_table ? !changes_named_only(*plan_.training, plan, parameter.uses)
                                 : parameter.uses > 1) ||
                       plan.regularizer || plan.constraint.kind != Constraint::Kind::none ||
                       defers(*plan_.training);
    if (is_table && waits && plan_.training->update.lazy && !plan_.training->gradients)
      throw Error("ERR_ARGUMENT",
                  parameter.name +
                      ": an optimizer that changes only the vectors of a batch goes "
                      "with neither a regularizer nor a constraint, nor with more "
                      "than " +
                      std::to_string(kMostTableUses) + " uses");
    const bool changes = plan.regularizer || with_gradient_[firsts_.size() - 1];
    parameter.update = !changes ? Update::none : waits ? Update::deferred : Update::fused;
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
    if (layer_->shares >= 0) continue;
    program_.parameters.back().trainable = false;
    program_.parameters.back().update = Update::none;
  }
}

}  // namespace neurode
