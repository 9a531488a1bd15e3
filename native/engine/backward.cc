// Builds the backward part of a training pass, and the updates of parameters.
#include <algorithm>
#include <utility>
#include <vector>

#include "native/engine/op_table.h"
#include "native/engine/pass_builder.h"
#include "native/engine/task_order.h"

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
  if (pass.has_parts())
    pass.add({.kind = TaskKind::exchange, .axis = Axis::outputs, .waits = true});
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

// Walks through the tasks of the forward pass from the last to the first. The gradient of a tensor
// is a tensor too: the first task that contributes to it writes it, and later contributions are
// added.
//
// A task may change a gradient in place only if nothing else reads it: the gradient of a sum, for
// example, is that of all its terms.
class BackwardBuilder {
 public:
  BackwardBuilder(PassBuilder& pass, std::size_t count) : pass_(pass), count_(count) {
    find_needed();
  }

  void run(const Gradients& given) {
    for (std::size_t i = 0; i < given.tensors.size(); ++i)
      contribute(given.tensors[i], given.gradients[i]);
    for (const int tensor : given.none) begin_with_zeros(tensor);
    for (std::size_t i = count_; i-- > 0;) {
      const Task task = pass_.tasks()[i];
      if (task.kind == TaskKind::activity_penalty) {
        penalties_.push_back(task);
        add_penalties(task.input);
      } else if (task.output >= 0) {
        const bool is_input = task.kind == TaskKind::gather_input;
        if (is_input || is_penalized(task.output)) begin_with_zeros(task.output);
        add_penalties(task.output);
        const int known = at(gradients_, task.output);
        if (known < 0 || !at(needed_, task.output)) continue;
        if (is_input)
          pass_.set_input_gradient(known);
        else
          add_for(task, known);
      }
    }
  }

  // The tasks that compute gradients of parameters, in the order of the backward pass.
  const std::vector<Task>& weights() const { return weights_; }

 private:
  // What is known of a tensor: false or -1 for tensors that were added later.
  static bool at(const std::vector<bool>& values, int tensor) {
    return tensor >= 0 && tensor < static_cast<int>(values.size()) && values[tensor];
  }
  static int at(const std::vector<int>& values, int tensor) {
    return tensor < static_cast<int>(values.size()) ? values[tensor] : -1;
  }
  void set_gradient(int tensor, int gradient) {
    if (tensor >= static_cast<int>(gradients_.size())) gradients_.resize(tensor + 1, -1);
    gradients_[tensor] = gradient;
  }
  bool is_shared(int gradient) const { return at(shared_, gradient); }
  void share(int gradient) {
    if (gradient >= static_cast<int>(shared_.size())) shared_.resize(gradient + 1);
    shared_[gradient] = true;
  }

  void begin_with_zeros(int tensor) {
    if (at(needed_, tensor) && at(gradients_, tensor) < 0) set_gradient(tensor, zeros_like(tensor));
  }

  // A tensor needs a gradient if it depends on a parameter that learns, or on the input, if its
  // gradient is wanted.
  void find_needed() {
    for (std::size_t i = 0; i < count_; ++i) {
      const Task& task = pass_.tasks()[i];
      if (task.output < 0) continue;
      if (task.output >= static_cast<int>(needed_.size())) needed_.resize(task.output + 1);
      const bool is_wanted = task.kind == TaskKind::gather_input && pass_.wants_input_gradient();
      if (is_wanted || learns(pass_, task) || needs_inputs(task)) needed_[task.output] = true;
    }
  }
  bool needs_inputs(const Task& task) const {
    return at(needed_, task.input) || (task.kind == TaskKind::merge && at(needed_, task.auxiliary));
  }

  void contribute(int tensor, int gradient) {
    if (!at(needed_, tensor)) return;
    const int known = at(gradients_, tensor);
    if (known < 0) return set_gradient(tensor, gradient);
    const int sum = !is_shared(known)      ? known
                    : !is_shared(gradient) ? gradient
                                           : pass_.add_tensor_like(known);
    pass_.add({.kind = TaskKind::merge,
               .input = known,
               .output = sum,
               .auxiliary = gradient,
               .op = {.row = op_row(OpKind::merge, "add")}});
    set_gradient(tensor, sum);
  }

  // A tensor of zeros: no columns of any input.
  int zeros_like(int tensor) {
    const int positions = pass_.positions(tensor);
    const int row = pass_.add_tensor(pass_.features(tensor) * positions);
    pass_.add({.kind = TaskKind::take_backward,
               .input = tensor,
               .output = row,
               .block = {.rows = 1, .columns = 0}});
    if (positions == 1) return row;
    const int zeros = pass_.add_tensor_like(tensor);
    pass_.add({.kind = TaskKind::regroup, .input = row, .output = zeros});
    return zeros;
  }

  // Returns the gradient itself, or a copy if something else reads it.
  int own(int gradient) {
    if (!is_shared(gradient)) return gradient;
    const int copy = pass_.add_tensor_like(gradient);
    pass_.add({.kind = TaskKind::rescale_forward, .input = gradient, .output = copy});
    return copy;
  }

  bool is_penalized(int tensor) const {
    return std::any_of(penalties_.begin(), penalties_.end(),
                       [tensor](const Task& task) { return task.input == tensor; });
  }

  // Adds the penalties of a tensor as soon as it has a gradient.
  void add_penalties(int tensor) {
    if (at(gradients_, tensor) < 0 || !at(needed_, tensor)) return;
    for (Task& task : penalties_) {
      if (task.input != tensor) continue;
      set_gradient(tensor, own(at(gradients_, tensor)));
      task.kind = TaskKind::activity_gradient;
      task.gradient = at(gradients_, tensor);
      pass_.add(task);
      task.input = -1;
    }
  }

  void add_as(Task task, TaskKind kind) {
    task.kind = kind;
    pass_.add(task);
  }

  // The input's gradient is the changed gradient of the output.
  void change(Task task, TaskKind kind) {
    task.gradient = own(task.gradient);
    add_as(task, kind);
    contribute(task.input, task.gradient);
  }

  // The input's gradient is a tensor of its own.
  void make(Task task, TaskKind kind) {
    task.input_gradient = pass_.add_tensor_like(task.input);
    add_as(task, kind);
    contribute(task.input, task.input_gradient);
  }

  // As make, for tasks that move the features of their input to their output.
  void move(Task task, TaskKind kind) {
    const int gradient = task.gradient, input = task.input;
    task.gradient = -1;
    task.input = gradient;
    task.output = pass_.add_tensor_like(input);
    // Regrouped features can be the same memory.
    if (task.kind == TaskKind::regroup && is_shared(gradient)) share(task.output);
    add_as(task, kind);
    contribute(input, task.output);
  }

  void add_for(Task task, int gradient) {
    const bool goes_on = at(needed_, task.input);
    task.gradient = gradient;
    // Several tasks write to a concatenation. All other outputs have one writer, or one that
    // overwrites the output of the one before: its gradient is then what contribute() leaves.
    if (task.kind != TaskKind::place) set_gradient(task.output, -1);
    switch (task.kind) {
      case TaskKind::activation_forward:
        return change(task, TaskKind::activation_backward);
      case TaskKind::noise_forward:
        if (task.auxiliary < 0) return contribute(task.input, gradient);
        return change(task, TaskKind::noise_backward);
      case TaskKind::rescale_forward:
        return change(task, TaskKind::rescale_backward);
      case TaskKind::normalize_forward:
        return change(task, TaskKind::normalize_backward);
      case TaskKind::batch_normalize_forward:
        if (goes_on) task.gradient = own(gradient);
        pass_.add(as_gradients(task, TaskKind::batch_sums));
        if (goes_on) change(task, TaskKind::batch_normalize_backward);
        return;
      case TaskKind::feature_forward:
        task.input_gradient = gradient;
        if (!learns(pass_, task)) {
          task.input_gradient = task.gradient = own(gradient);
          add_as(task, TaskKind::feature_backward);
          return contribute(task.input, task.gradient);
        }
        // The task at the end of the step reads the gradient, so that of the input is another
        // tensor.
        weights_.push_back(as_gradients(task, TaskKind::feature_gradients));
        if (goes_on) make(task, TaskKind::feature_backward);
        return;
      case TaskKind::embedding_forward:
        weights_.push_back(as_gradients(task, TaskKind::embedding_gradients));
        return;
      case TaskKind::dense_forward:
        if (learns(pass_, task))
          weights_.push_back(as_gradients(task, TaskKind::dense_backward_weights));
        if (goes_on) make(task, TaskKind::dense_backward_input);
        return;
      case TaskKind::regroup:
        return move(task, TaskKind::regroup);
      case TaskKind::transpose:
        std::swap(task.block.rows, task.block.columns);
        return move(task, TaskKind::transpose);
      case TaskKind::repeat:
        return move(task, TaskKind::repeat_backward);
      case TaskKind::pool:
        return make(task, TaskKind::pool_backward);
      case TaskKind::place:
        if (goes_on) move(task, TaskKind::take);
        return;
      case TaskKind::take:
        return move(task, TaskKind::take_backward);
      case TaskKind::merge:
        return add_for_merge(task);
      default:
        return;
    }
  }

  void add_for_merge(const Task& task) {
    if (merge_traits(task.op).constant_slopes) return pass_on(task);
    int sides[2] = {-1, -1};
    for (const int side : {0, 1}) {
      const int input = side == 0 ? task.input : task.auxiliary;
      if (!at(needed_, input)) continue;
      Task slope = task;
      slope.side = side;
      slope.input_gradient = sides[side] = pass_.add_tensor_like(input);
      add_as(slope, TaskKind::merge_backward);
    }
    if (sides[0] >= 0) contribute(task.input, sides[0]);
    if (sides[1] >= 0) contribute(task.auxiliary, sides[1]);
  }

  // The gradient of a sum or a difference, up to its sign, is that of both inputs.
  void pass_on(const Task& task) {
    const bool first = at(needed_, task.input), second = at(needed_, task.auxiliary);
    const float slope = merge_traits(task.op).second_slope;
    int of_second = task.gradient;
    if (second && slope != 1) {
      of_second = pass_.add_tensor_like(task.auxiliary);
      pass_.add({.kind = TaskKind::rescale_forward,
                 .input = task.gradient,
                 .output = of_second,
                 .scale = slope});
    } else if (first && second) {
      share(task.gradient);
    }
    contribute(task.input, task.gradient);
    contribute(task.auxiliary, of_second);
  }

  PassBuilder& pass_;
  const std::size_t count_;
  std::vector<bool> needed_;    // by tensor: whether it needs a gradient
  std::vector<int> gradients_;  // by tensor: its gradient so far; -1: none
  std::vector<bool> shared_;    // by tensor: a gradient of several tensors
  std::vector<Task> penalties_;
  std::vector<Task> weights_;
};

// Marks the tasks whose parameters an earlier task has stored a gradient for, and the last ones.
void mark_sums(std::vector<Task>& tasks) {
  const auto parameter_of = [](const Task& task) {
    return task.kernel >= 0 ? task.kernel : task.bias;
  };
  std::vector<int> stored;
  for (Task& task : tasks) {
    const bool is_of_parameters =
        task.kind == TaskKind::dense_backward_weights || task.kind == TaskKind::batch_sums ||
        task.kind == TaskKind::feature_gradients || task.kind == TaskKind::embedding_gradients;
    const int parameter = parameter_of(task);
    if (!is_of_parameters || parameter < 0) continue;
    task.adds = std::find(stored.begin(), stored.end(), parameter) != stored.end();
    if (!task.adds) stored.push_back(parameter);
    task.completes = std::none_of(&task + 1, tasks.data() + tasks.size(), [&](const Task& later) {
      return later.kind == task.kind && parameter_of(later) == parameter;
    });
  }
}

}  // namespace

// The tasks that compute gradients of parameters come last, all in one segment.
void add_backward(PassBuilder& pass, std::size_t count, const Gradients& given) {
  BackwardBuilder backward(pass, count);
  backward.run(given);
  join_segments(pass.tasks());
  for (const Task& task : backward.weights()) pass.add(task);
  mark_sums(pass.tasks());
  add_updates(pass);
}

}  // namespace neurode
