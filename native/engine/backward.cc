// Builds the backward part of a training pass, and the updates of parameters.
#include <utility>
#include <vector>

#include "native/engine/op_table.h"
#include "native/engine/pass_builder.h"

namespace neurode {
namespace {

Update update_of(const PassBuilder& pass, int parameter) {
  return parameter < 0 ? Update::none : pass.parameter(parameter).update;
}

bool learns(const PassBuilder& pass, const Task& task) {
  return task.kind != TaskKind::batch_statistics && (update_of(pass, task.kernel) != Update::none ||
                                                     update_of(pass, task.bias) != Update::none);
}

Task as_gradients(Task task, TaskKind kind) {
  task.kind = kind;
  task.axis = Axis::outputs;
  return task;
}

// Adds the task that turns the gradient of a rearrangement's output into the gradient of its input.
// Returns the input's gradient.
int add_rearrangement(PassBuilder& pass, Task task, int gradient) {
  const int input_gradient = pass.add_tensor_like(task.input);
  task.gradient = -1;
  task.input = gradient;
  task.output = input_gradient;
  pass.add(task);
  return input_gradient;
}

// Adds one task for every parameter whose update is deferred and that is `wanted`. If `waits`, the
// first of these tasks begins a new segment.
template <class Wanted>
void add_for(PassBuilder& pass, TaskKind kind, Axis axis, bool waits, Wanted wanted) {
  for (int i = 0; i < static_cast<int>(pass.parameters().size()); ++i) {
    if (update_of(pass, i) != Update::deferred || !wanted(pass.parameter(i))) continue;
    pass.add({.kind = kind, .axis = axis, .waits = waits, .parameter = i});
    waits = false;
  }
}

// A gradient is complete only after a barrier, and so is a norm of gradients.
void add_updates(PassBuilder& pass) {
  const UpdatePlan& plan = pass.update();
  const bool norms = plan.clip_norm > 0 || plan.global_clip_norm > 0;
  const auto any = [](const Parameter&) { return true; };
  add_for(pass, TaskKind::matrix_penalty, Axis::outputs, true, [](const Parameter& parameter) {
    return parameter.regularizer && is_of_matrices(*parameter.regularizer);
  });
  add_for(pass, TaskKind::penalty, Axis::parameters, false, [](const Parameter& parameter) {
    return parameter.regularizer && !is_of_matrices(*parameter.regularizer);
  });
  if (norms) add_for(pass, TaskKind::gradient_norm, Axis::parameters, false, any);
  add_for(pass, TaskKind::update, Axis::parameters, norms, any);
  add_for(pass, TaskKind::constrain, Axis::outputs, false, [](const Parameter& parameter) {
    return parameter.constraint.kind == Constraint::Kind::norm;
  });
}

}  // namespace

// The layers below the first one that learns need no gradient. The tasks that compute gradients of
// parameters come last, all in one segment.
void add_backward(PassBuilder& pass, std::size_t top, int gradient) {
  std::vector<Task> weights;
  std::size_t first = 0;
  while (first < top && !learns(pass, pass.task(first))) ++first;
  const auto add_as = [&](Task task, TaskKind kind) {
    task.kind = kind;
    pass.add(task);
  };
  for (std::size_t i = top; i-- > first;) {
    Task task = pass.task(i);
    task.gradient = gradient;
    switch (task.kind) {
      case TaskKind::activation_forward:
        add_as(task, TaskKind::activation_backward);
        break;
      case TaskKind::activity_penalty:
        add_as(task, TaskKind::activity_gradient);
        break;
      case TaskKind::noise_forward:
        if (task.auxiliary >= 0) add_as(task, TaskKind::noise_backward);
        break;
      case TaskKind::rescale_forward:
        add_as(task, TaskKind::rescale_backward);
        break;
      case TaskKind::normalize_forward:
        add_as(task, TaskKind::normalize_backward);
        break;
      case TaskKind::batch_normalize_forward:
        pass.add(as_gradients(task, TaskKind::batch_sums));
        if (i != first) add_as(task, TaskKind::batch_normalize_backward);
        break;
      case TaskKind::feature_forward:
        // If the layer learns, a later task still reads `gradient`, so the gradient of the input is
        // a tensor of its own.
        task.input_gradient = gradient;
        if (learns(pass, task)) {
          weights.push_back(as_gradients(task, TaskKind::feature_gradients));
          if (i == first) break;
          task.input_gradient = gradient = pass.add_tensor(pass.features(task.input));
        }
        add_as(task, TaskKind::feature_backward);
        break;
      case TaskKind::embedding_forward:
        if (learns(pass, task))
          weights.push_back(as_gradients(task, TaskKind::embedding_gradients));
        break;
      case TaskKind::dense_forward:
        if (learns(pass, task))
          weights.push_back(as_gradients(task, TaskKind::dense_backward_weights));
        if (i == first) break;
        task.input_gradient = gradient = pass.add_tensor_like(task.input);
        add_as(task, TaskKind::dense_backward_input);
        break;
      case TaskKind::regroup:
        gradient = add_rearrangement(pass, task, gradient);
        break;
      case TaskKind::transpose:
        std::swap(task.block.rows, task.block.columns);
        gradient = add_rearrangement(pass, task, gradient);
        break;
      case TaskKind::pool:
        task.input_gradient = gradient = pass.add_tensor_like(task.input);
        add_as(task, TaskKind::pool_backward);
        break;
      case TaskKind::repeat:
        task.kind = TaskKind::repeat_backward;
        gradient = add_rearrangement(pass, task, gradient);
        break;
      default:
        break;
    }
  }
  for (const Task& task : weights) pass.add(task);
  add_updates(pass);
}

}  // namespace neurode
