// Builds the forward part of a pass, including its loss and metrics.
#include "native/engine/pass_builder.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "native/engine/heads.h"
#include "native/engine/layers.h"
#include "native/engine/op_table.h"

namespace neurode {
namespace {

// Whether the output of such a task must not be overwritten: its backward task reads that output,
// or the output may be the bound data itself.
bool reads_own_output(TaskKind kind) {
  switch (kind) {
    case TaskKind::dense_forward:
    case TaskKind::feature_forward:
    case TaskKind::normalize_forward:
    case TaskKind::batch_normalize_forward:
    case TaskKind::merge:
    case TaskKind::place:
    case TaskKind::take:
      return false;
    default:
      return true;
  }
}

// The cross-entropy of a softmax or sigmoid is computed from the logits, as in Keras: this is
// numerically stable and saves one product.
bool is_fused(const Op& activation, const std::optional<Op>& loss) {
  if (!loss || takes_logits(*loss)) return false;
  const std::string& function = activation_row(activation.row).name;
  const std::string& name = op_rows(OpKind::loss)[loss->row].name;
  return (function == "softmax" &&
          (name == "categoricalCrossentropy" || name == "sparseCategoricalCrossentropy")) ||
         (function == "sigmoid" && name == "binaryCrossentropy");
}

}  // namespace

PassBuilder::PassBuilder(const Plan& plan, const std::vector<int>& first_parameters, Mode mode,
                         Program& program)
    : plan_(plan),
      first_parameters_(first_parameters),
      mode_(mode),
      program_(program),
      uses_(plan.layers.size() + 1, 0) {
  const std::vector<int> outputs = outputs_of(plan, mode == Mode::predict);
  computed_ = layers_before(plan, outputs);
  for (int i = 0; i < static_cast<int>(plan.layers.size()); ++i) {
    if (!computed_[i]) continue;
    for (const int value : inputs_of(plan, i)) ++uses_[value];
  }
  for (const int value : outputs) ++uses_[value];
}

Pass PassBuilder::build() {
  current_ = add_tensor(plan_.input_size);
  add({.kind = TaskKind::gather_input, .output = current_});
  values_.push_back({current_, true});
  for (int i = 0; i < static_cast<int>(plan_.layers.size()); ++i) {
    if (computed_[i])
      add_layer(i);
    else
      values_.push_back({-1, false});
  }
  if (mode_ == Mode::predict) {
    pass_.outputs = {regrouped(values_[output_of(plan_)].tensor, 1)};
    return std::move(pass_);
  }
  const std::vector<HeadPlan>& heads = plan_.training->heads;
  for (std::size_t h = 0; h < heads.size(); ++h) {
    const int output = values_[value_of(plan_, heads[h])].tensor;
    pass_.outputs.push_back(regrouped(output, program_.heads[h].positions));
  }
  const std::size_t layers = pass_.tasks.size();
  for (std::size_t h = 0; h < heads.size(); ++h) add_head(heads[h], static_cast<int>(h));
  if (mode_ == Mode::train) add_backward(*this, layers, gradients_);
  return std::move(pass_);
}

void PassBuilder::add_layer(int index) {
  const LayerPlan& layer = plan_.layers[index];
  const LayerRow& row = layer_row(layer.kind);
  at_input_ = layer.kind == LayerKind::rescaling;
  inputs_.clear();
  for (const int value : inputs_of(plan_, index)) {
    const auto [tensor, at_input] = values_[value];
    at_input_ = at_input_ && at_input && uses_[value] == 1;
    if (uses_[value] > 1) hold(tensor);
    inputs_.push_back(row.by_position ? tensor : regrouped(tensor, 1));
  }
  current_ = inputs_.front();
  parameter_ = first_parameters_[index];
  row.tasks(layer, *this);
  values_.push_back({current_, at_input_});
}

int PassBuilder::add_tensor(int features, int positions) {
  pass_.features.push_back(features);
  pass_.positions.push_back(positions);
  states_.emplace_back();
  return static_cast<int>(pass_.features.size()) - 1;
}

void PassBuilder::add(const Task& task) {
  pass_.tasks.push_back(task);
  if (task.output >= 0) states_[task.output].writer = task.kind;
}

int PassBuilder::add_statistics(int channels) {
  pass_.statistics.push_back(channels);
  return static_cast<int>(pass_.statistics.size()) - 1;
}

void PassBuilder::add_step(Task task, int features, int positions) {
  task.input = current_;
  task.output = add_tensor(features, positions);
  add(task);
  current_ = task.output;
}

void PassBuilder::regroup(int positions) { current_ = regrouped(current_, positions); }

// Grouped features can be the same memory, so they are held as the others are.
int PassBuilder::regrouped(int tensor, int positions) {
  if (this->positions(tensor) == positions) return tensor;
  const auto [found, is_new] = regroupings_.try_emplace({tensor, positions}, -1);
  if (!is_new) return found->second;
  const int output = found->second = add_tensor(pass_.width(tensor) / positions, positions);
  add({.kind = TaskKind::regroup, .input = tensor, .output = output});
  states_[output].held = states_[tensor].held;
  return output;
}

// What a task reads again must stay: in training, the backward tasks read much of it.
bool PassBuilder::may_overwrite(int tensor) const {
  const State& state = states_[tensor];
  return !state.held && !reads_own_output(state.writer);
}

// The output overwrites the input if no later task reads the input.
void PassBuilder::add_activation(const Op& op, const Along& along) {
  if (op.row == op_row(OpKind::activation, "linear")) return;
  const ActivationRow& row = activation_row(op.row);
  const bool input_is_free = may_overwrite(current_) &&
                             (mode_ == Mode::predict || row.from_output) && !may_fuse_with_loss(op);
  const int output = input_is_free && row.pointwise ? current_ : add_tensor_like(current_);
  add({.kind = TaskKind::activation_forward,
       .input = current_,
       .output = output,
       .op = op,
       .along = along});
  current_ = output;
}

void PassBuilder::add_by_channel(const LayerPlan& layer, TaskKind kind, Task task) {
  const State& state = states_[current_];
  const bool in_place =
      mode_ == Mode::predict && !state.held && state.writer != TaskKind::gather_input;
  task.kind = kind;
  task.op = layer.op;
  task.along = layer.along;
  task.input = current_;
  task.output = in_place ? current_ : add_tensor(features(current_));
  add(task);
  current_ = task.output;
}

Task PassBuilder::take_parameters(const LayerPlan& layer) {
  Task task{};
  if (layer.use_kernel && layer.kind != LayerKind::normalization) task.kernel = take_parameter();
  if (layer.use_bias) task.bias = take_parameter();
  if (layer.kind == LayerKind::feature) return task;
  task.mean = take_parameter();
  task.variance = take_parameter();
  return task;
}

// No task overwrites the penalized tensor: the gradient of the penalty reads it later.
void PassBuilder::add_activity_penalty(const Op& regularizer) {
  if (mode_ == Mode::predict) return;
  add({.kind = TaskKind::activity_penalty,
       .input = current_,
       .metric = program_.metrics + activities_++,
       .op = regularizer});
  hold(current_);
  program_.activities = activities_;
}

// A merge overwrites an input that nobody else reads, if its backward tasks do not read it either.
void PassBuilder::add_merges(const Op& op) {
  const bool may_reuse = mode_ == Mode::predict || merge_traits(op).constant_slopes;
  for (std::size_t i = 1; i < inputs_.size(); ++i) {
    const int input = current_, other = inputs_[i];
    const int reused = !may_reuse             ? -1
                       : may_overwrite(input) ? input
                       : may_overwrite(other) ? other
                                              : -1;
    current_ = reused >= 0 ? reused : add_tensor(features(input));
    add({.kind = TaskKind::merge,
         .input = input,
         .output = current_,
         .auxiliary = other,
         .op = op});
  }
}

void PassBuilder::normalize_inputs() {
  const Op op{.row = op_row(OpKind::activation, "unitNormalize")};
  for (int& input : inputs_) {
    current_ = input;
    add_activation(op);
    input = current_;
  }
  current_ = inputs_.front();
}

bool PassBuilder::fold_into_input(float scale, float offset) {
  if (!at_input_) return false;
  if (mode_ == Mode::predict) {
    program_.input_scale *= scale;
    program_.input_offset = program_.input_offset * scale + offset;
  }
  return true;
}

bool PassBuilder::may_fuse_with_loss(const Op& activation) const {
  if (!plan_.training) return false;
  const std::vector<HeadPlan>& heads = plan_.training->heads;
  return std::any_of(heads.begin(), heads.end(),
                     [&](const HeadPlan& head) { return is_fused(activation, head.loss); });
}

// The activation that writes a head's output, if the loss can take its logits instead. A penalty of
// the output reads the output itself.
const Task* PassBuilder::activation_before_loss(const HeadPlan& head, int output) const {
  for (std::size_t i = pass_.tasks.size(); i-- > 0;) {
    const Task& task = pass_.tasks[i];
    if (task.kind == TaskKind::activity_penalty && task.input == output) return nullptr;
    if (task.output != output) continue;
    const bool is_whole = task.along.length == 0 || positions(output) > 1;
    const bool fits = task.kind == TaskKind::activation_forward && task.input != task.output &&
                      is_whole && is_fused(task.op, head.loss);
    return fits ? &task : nullptr;
  }
  return nullptr;
}

void PassBuilder::add_head(const HeadPlan& plan, int index) {
  const Head& head = program_.heads[index];
  const int output = pass_.outputs[index];
  if (head.has_no_gradient) gradients_.none.push_back(output);
  if (!plan.loss && plan.metrics.empty() && plan.tallies.empty() && !program_.captures) return;
  const int targets = add_tensor_like(output);
  Task loss{.kind = TaskKind::loss, .input = output, .auxiliary = targets, .head = index};
  if (plan.loss) loss.op = *plan.loss;
  if (const Task* const activation = activation_before_loss(plan, output)) {
    loss.input = activation->input;
    loss.op = of_logits(loss.op);
  }
  add({.kind = TaskKind::gather_targets, .output = targets, .head = index});
  if (mode_ == Mode::train && plan.loss) {
    loss.gradient = add_tensor_like(loss.input);
    gradients_.tensors.push_back(loss.input);
    gradients_.gradients.push_back(loss.gradient);
  }
  if (plan.loss) add(loss);
  for (int i = 0; i < head.metrics; ++i) {
    add({.kind = TaskKind::metric,
         .input = output,
         .auxiliary = targets,
         .metric = head.first_metric + i,
         .head = index,
         .op = plan.metrics[i]});
  }
}

}  // namespace neurode
