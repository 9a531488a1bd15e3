// Builds the forward part of a pass, including its loss and metrics.
#include "native/engine/pass_builder.h"

#include <string>
#include <utility>

#include "native/engine/layers.h"
#include "native/engine/op_table.h"

namespace neurode {
namespace {

// Whether the output of such a task must not be overwritten: its backward task reads that output,
// or the output may be the bound data itself.
bool reads_own_output(TaskKind kind) {
  return kind != TaskKind::dense_forward && kind != TaskKind::feature_forward &&
         kind != TaskKind::normalize_forward && kind != TaskKind::batch_normalize_forward;
}

}  // namespace

Pass PassBuilder::build() {
  current_ = add_tensor(plan_.input_size);
  add({.kind = TaskKind::gather_input, .output = current_});
  for (const LayerPlan& layer : plan_.layers) add_layer(layer);
  regroup(mode_ == Mode::predict ? 1 : program_.positions);
  pass_.output = current_;
  if (mode_ != Mode::predict) add_loss(*plan_.training);
  return std::move(pass_);
}

void PassBuilder::add_layer(const LayerPlan& layer) {
  const LayerRow& row = layer_row(layer.kind);
  if (layer.kind != LayerKind::rescaling) at_input_ = false;
  if (!row.by_position) regroup(1);
  row.tasks(layer, *this);
}

int PassBuilder::add_tensor(int features, int positions) {
  pass_.features.push_back(features);
  pass_.positions.push_back(positions);
  return static_cast<int>(pass_.features.size()) - 1;
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

void PassBuilder::regroup(int positions) {
  if (this->positions(current_) == positions) return;
  add_step({.kind = TaskKind::regroup}, pass_.width(current_) / positions, positions);
}

// The output overwrites the input if no later task reads the input.
void PassBuilder::add_activation(const Op& op, const Along& along) {
  if (op.row == op_row(OpKind::activation, "linear")) return;
  const ActivationRow& row = activation_row(op.row);
  const bool input_is_free = !reads_own_output(pass_.tasks.back().kind) &&
                             (mode_ == Mode::predict || row.from_output) && !is_fused_with_loss(op);
  const int output = input_is_free && row.pointwise ? current_ : add_tensor_like(current_);
  add({.kind = TaskKind::activation_forward,
       .input = current_,
       .output = output,
       .op = op,
       .along = along});
  current_ = output;
}

void PassBuilder::add_by_channel(const LayerPlan& layer, TaskKind kind, Task task) {
  const bool in_place = mode_ == Mode::predict && pass_.tasks.size() > 1;
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
  program_.activities = activities_;
}

bool PassBuilder::fold_into_input(float scale, float offset) {
  if (!at_input_) return false;
  if (mode_ == Mode::predict) {
    program_.input_scale *= scale;
    program_.input_offset = program_.input_offset * scale + offset;
  }
  return true;
}

// The cross-entropy of a softmax or sigmoid is computed from the logits, as in Keras: this is
// numerically stable and saves one product.
bool PassBuilder::is_fused_with_loss(const Op& activation) const {
  if (!plan_.training || takes_logits(plan_.training->loss)) return false;
  const std::string& function = activation_row(activation.row).name;
  const std::string& loss = op_rows(OpKind::loss)[plan_.training->loss.row].name;
  return (function == "softmax" &&
          (loss == "categoricalCrossentropy" || loss == "sparseCategoricalCrossentropy")) ||
         (function == "sigmoid" && loss == "binaryCrossentropy");
}

void PassBuilder::add_loss(const TrainingPlan& training) {
  const int targets = add_tensor_like(pass_.output);
  add({.kind = TaskKind::gather_targets, .output = targets});
  Task loss{
      .kind = TaskKind::loss, .input = pass_.output, .auxiliary = targets, .op = training.loss};
  std::size_t top = pass_.tasks.size() - 1;  // the backward pass begins below the loss
  const Task& last = pass_.tasks[top - 1];
  const bool is_whole = last.along.length == 0 || positions(pass_.output) > 1;
  if (last.kind == TaskKind::activation_forward && is_whole && is_fused_with_loss(last.op)) {
    loss.input = last.input;
    loss.op = of_logits(loss.op);
    --top;
  }
  if (mode_ == Mode::train) loss.gradient = add_tensor_like(loss.input);
  add(loss);
  for (std::size_t i = 0; i < training.metrics.size(); ++i) {
    add({.kind = TaskKind::metric,
         .input = pass_.output,
         .auxiliary = targets,
         .metric = static_cast<int>(i),
         .op = training.metrics[i]});
  }
  if (mode_ == Mode::train) add_backward(*this, top, loss.gradient);
}

}  // namespace neurode
