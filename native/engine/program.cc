// Compiles a Plan into the Program of a step.
#include "native/engine/program.h"

#include <algorithm>
#include <utility>

#include "native/engine/error.h"
#include "native/engine/op_table.h"
#include "native/engine/program_dump.h"

namespace neurode {
namespace {

enum class Mode { predict, evaluate, train };

// Builds one pass; parameters are numbered in the order of the layers, the same in every pass.
class PassCompiler {
 public:
  PassCompiler(const Plan& plan, Mode mode, Program& program)
      : plan_(plan), mode_(mode), program_(program) {}

  Pass compile() {
    current_ = add_tensor(plan_.input_size);
    add({.kind = TaskKind::gather_input, .output = current_});
    for (const LayerPlan& layer : plan_.layers) add_layer(layer);
    regroup(mode_ == Mode::predict ? 1 : program_.positions);
    pass_.output = current_;
    if (mode_ != Mode::predict) add_loss(*plan_.training);
    return std::move(pass_);
  }

 private:
  int features(int tensor) const { return pass_.features[tensor]; }
  int positions(int tensor) const { return pass_.positions[tensor]; }

  int add_tensor(int features, int positions = 1) {
    pass_.features.push_back(features);
    pass_.positions.push_back(positions);
    return static_cast<int>(pass_.features.size()) - 1;
  }
  int add_tensor_like(int tensor) { return add_tensor(features(tensor), positions(tensor)); }

  void add(const Task& task) { pass_.tasks.push_back(task); }

  void add_layer(const LayerPlan& layer) {
    if (layer.kind != LayerKind::rescaling) at_input_ = false;
    if (layer.kind != LayerKind::dense) regroup(1);
    switch (layer.kind) {
      case LayerKind::dense:
        return add_dense(layer);
      case LayerKind::activation:
        return add_activation(layer.activation, layer.along);
      case LayerKind::noise:
        return add_noise(layer);
      case LayerKind::rescaling:
        return add_rescaling(layer);
      case LayerKind::feature:
        return add_feature(layer);
      case LayerKind::normalization:
        return add_normalization(layer, take_parameters(layer));
      case LayerKind::batch_normalization:
        return add_batch_normalization(layer);
      case LayerKind::embedding:
        return add_embedding(layer);
      case LayerKind::activity_penalty:
        return add_activity_penalty(layer);
      case LayerKind::transpose:
        return add_rearrangement(layer, TaskKind::transpose, features(current_));
      case LayerKind::repeat:
        return add_rearrangement(layer, TaskKind::repeat, layer.block.rows * features(current_));
      case LayerKind::encoding:
        return add_rearrangement(layer, TaskKind::encode,
                                 features(current_) / layer.block.rows * layer.block.columns);
    }
  }

  // From here on, the features of a row by so many positions.
  void regroup(int positions) {
    if (this->positions(current_) == positions) return;
    const int output = add_tensor(pass_.width(current_) / positions, positions);
    add({.kind = TaskKind::regroup, .input = current_, .output = output});
    current_ = output;
  }

  void add_rearrangement(const LayerPlan& layer, TaskKind kind, int features) {
    const int output = add_tensor(features);
    add({.kind = kind,
         .input = current_,
         .output = output,
         .block = layer.block,
         .counts = layer.counts});
    current_ = output;
  }

  void add_dense(const LayerPlan& layer) {
    const int kernel = parameters_++;
    const int bias = layer.use_bias ? parameters_++ : -1;
    regroup(program_.parameters[kernel].positions);
    const int output = add_tensor(layer.units, positions(current_));
    add({.kind = TaskKind::dense_forward,
         .input = current_,
         .output = output,
         .kernel = kernel,
         .bias = bias});
    current_ = output;
    const bool is_of_rows = positions(current_) == 1;
    add_activation(layer.activation, is_of_rows ? Along{} : Along{layer.units, 1});
  }

  // Whether the backward task reads what the forward one wrote, or what wrote it is bound data.
  static bool reads_own_output(TaskKind kind) {
    return kind != TaskKind::dense_forward && kind != TaskKind::feature_forward &&
           kind != TaskKind::normalize_forward && kind != TaskKind::batch_normalize_forward;
  }

  // The output takes the input's place where nothing reads the input later.
  void add_activation(const Op& op, const Along& along = {}) {
    if (op.row == op_row(OpKind::activation, "linear")) return;
    const ActivationRow& row = activation_row(op.row);
    const bool input_is_free = !reads_own_output(pass_.tasks.back().kind) &&
                               (mode_ == Mode::predict || row.from_output) &&
                               !is_fused_with_loss(op);
    const int output = input_is_free && row.pointwise ? current_ : add_tensor_like(current_);
    add({.kind = TaskKind::activation_forward,
         .input = current_,
         .output = output,
         .op = op,
         .along = along});
    current_ = output;
  }

  // All numbers 0 (rate, standard deviation): nothing is changed.
  void add_noise(const LayerPlan& layer) {
    if (mode_ != Mode::train || layer.op.params == Op{}.params) return;
    const int factor = noise_scales(layer.op) ? add_tensor(features(current_)) : -1;
    const int output = add_tensor(features(current_));
    add({.kind = TaskKind::noise_forward,
         .input = current_,
         .output = output,
         .auxiliary = factor,
         .op = layer.op,
         .seed = layer.seed});
    current_ = output;
  }

  void add_rescaling(const LayerPlan& layer) {
    if (at_input_) {
      if (mode_ != Mode::predict) return;  // the predicting pass comes first
      program_.input_scale *= layer.scale;
      program_.input_offset = program_.input_offset * layer.scale + layer.offset;
      return;
    }
    const int output = add_tensor(features(current_));
    add({.kind = TaskKind::rescale_forward,
         .input = current_,
         .output = output,
         .scale = layer.scale,
         .offset = layer.offset});
    current_ = output;
  }

  // Parameters of a layer by channel: -1 for those it does not have.
  Task take_parameters(const LayerPlan& layer) {
    Task task{};
    if (layer.use_kernel && layer.kind != LayerKind::normalization) task.kernel = parameters_++;
    if (layer.use_bias) task.bias = parameters_++;
    if (layer.kind == LayerKind::feature) return task;
    task.mean = parameters_++;
    task.variance = parameters_++;
    return task;
  }

  // Adds a forward task whose backward one reads its input.
  void add_by_channel(const LayerPlan& layer, TaskKind kind, Task task) {
    const bool in_place = mode_ == Mode::predict && pass_.tasks.size() > 1;
    task.kind = kind;
    task.op = layer.op;
    task.along = layer.along;
    task.input = current_;
    task.output = in_place ? current_ : add_tensor(features(current_));
    add(task);
    current_ = task.output;
  }

  void add_feature(const LayerPlan& layer) {
    add_by_channel(layer, TaskKind::feature_forward, take_parameters(layer));
  }

  void add_normalization(const LayerPlan& layer, const Task& parameters) {
    add_by_channel(layer, TaskKind::normalize_forward, parameters);
  }

  // A frozen layer goes on with its moving statistics.
  void add_batch_normalization(const LayerPlan& layer) {
    Task task = take_parameters(layer);
    if (mode_ != Mode::train || !layer.trainable) return add_normalization(layer, task);
    task.statistics = static_cast<int>(pass_.statistics.size());
    pass_.statistics.push_back(layer.along.length == 0 ? features(current_) : layer.along.length);
    Task statistics = task;
    statistics.kind = TaskKind::batch_statistics;
    statistics.axis = Axis::outputs;
    statistics.op = layer.op;
    statistics.along = layer.along;
    statistics.input = current_;
    add(statistics);
    add_by_channel(layer, TaskKind::batch_normalize_forward, task);
  }

  void add_embedding(const LayerPlan& layer) {
    const int output = add_tensor(features(current_) * layer.units);
    add({.kind = TaskKind::embedding_forward,
         .input = current_,
         .output = output,
         .kernel = parameters_++});
    current_ = output;
  }

  // What it is a penalty of stays as it is until its gradient has been taken.
  void add_activity_penalty(const LayerPlan& layer) {
    if (mode_ == Mode::predict) return;
    const int metrics = static_cast<int>(plan_.training->metrics.size());
    add({.kind = TaskKind::activity_penalty,
         .input = current_,
         .metric = metrics + activities_++,
         .op = layer.op});
    program_.activities = activities_;
  }

  // Cross-entropy of a softmax or sigmoid is computed from its logits, as Keras does: stable, and
  // one product less.
  bool is_fused_with_loss(const Op& activation) const {
    if (!plan_.training || plan_.training->loss.params[0] != 0) return false;
    const std::string& function = activation_row(activation.row).name;
    const std::string& loss = op_rows(OpKind::loss)[plan_.training->loss.row].name;
    return (function == "softmax" &&
            (loss == "categoricalCrossentropy" || loss == "sparseCategoricalCrossentropy")) ||
           (function == "sigmoid" && loss == "binaryCrossentropy");
  }

  void add_loss(const TrainingPlan& training) {
    const int targets = add_tensor_like(pass_.output);
    add({.kind = TaskKind::gather_targets, .output = targets});
    Task loss{
        .kind = TaskKind::loss, .input = pass_.output, .auxiliary = targets, .op = training.loss};
    std::size_t top = pass_.tasks.size() - 1;  // backward starts below the loss
    const Task& last = pass_.tasks[top - 1];
    const bool is_whole = last.along.length == 0 || positions(pass_.output) > 1;
    if (last.kind == TaskKind::activation_forward && is_whole && is_fused_with_loss(last.op)) {
      loss.input = last.input;
      loss.op.params[0] = 1;
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
    if (mode_ == Mode::train) add_backward(top, loss.gradient);
  }

  Update update_of(int parameter) const {
    return parameter < 0 ? Update::none : program_.parameters[parameter].update;
  }

  bool learns(const Task& task) const {
    return task.kind != TaskKind::batch_statistics &&
           (update_of(task.kernel) != Update::none || update_of(task.bias) != Update::none);
  }

  static Task as_gradients(Task task, TaskKind kind) {
    task.kind = kind;
    task.axis = Axis::outputs;
    return task;
  }

  // From tasks[top - 1] down to the first layer that learns; below it no gradient is wanted.
  // Gradients of parameters come last, all in one segment.
  void add_backward(std::size_t top, int gradient) {
    std::vector<Task> weights;
    std::size_t first = 0;
    while (first < top && !learns(pass_.tasks[first])) ++first;
    for (std::size_t i = top; i-- > first;) {
      Task task = pass_.tasks[i];
      task.gradient = gradient;
      switch (task.kind) {
        case TaskKind::activation_forward:
          task.kind = TaskKind::activation_backward;
          add(task);
          break;
        case TaskKind::activity_penalty:
          task.kind = TaskKind::activity_gradient;
          add(task);
          break;
        case TaskKind::noise_forward:
          if (task.auxiliary < 0) break;
          task.kind = TaskKind::noise_backward;
          add(task);
          break;
        case TaskKind::rescale_forward:
          task.kind = TaskKind::rescale_backward;
          add(task);
          break;
        case TaskKind::normalize_forward:
          task.kind = TaskKind::normalize_backward;
          add(task);
          break;
        case TaskKind::batch_normalize_forward:
          task.kind = TaskKind::batch_sums;
          task.axis = Axis::outputs;
          add(task);
          if (i == first) break;
          task.kind = TaskKind::batch_normalize_backward;
          task.axis = Axis::rows;
          add(task);
          break;
        case TaskKind::feature_forward:
          // Its gradient stays as it is where that by its parameters is still to come.
          task.input_gradient = gradient;
          if (learns(task)) {
            weights.push_back(as_gradients(task, TaskKind::feature_gradients));
            if (i == first) break;
            task.input_gradient = gradient = add_tensor(features(task.input));
          }
          task.kind = TaskKind::feature_backward;
          add(task);
          break;
        case TaskKind::embedding_forward:
          if (learns(task)) weights.push_back(as_gradients(task, TaskKind::embedding_gradients));
          break;
        case TaskKind::dense_forward:
          if (learns(task)) weights.push_back(as_gradients(task, TaskKind::dense_backward_weights));
          if (i == first) break;
          task.kind = TaskKind::dense_backward_input;
          task.axis = Axis::rows;
          task.input_gradient = gradient = add_tensor_like(task.input);
          add(task);
          break;
        case TaskKind::regroup:
          gradient = add_backward_rearrangement(task, gradient);
          break;
        case TaskKind::transpose:
          std::swap(task.block.rows, task.block.columns);
          gradient = add_backward_rearrangement(task, gradient);
          break;
        case TaskKind::repeat:
          task.kind = TaskKind::repeat_backward;
          gradient = add_backward_rearrangement(task, gradient);
          break;
        default:
          break;
      }
    }
    for (const Task& task : weights) add(task);
    add_updates();
  }

  // The gradient of what came in, from that of what went out.
  int add_backward_rearrangement(Task task, int gradient) {
    const int input_gradient = add_tensor_like(task.input);
    task.gradient = -1;
    task.input = gradient;
    task.output = input_gradient;
    add(task);
    return input_gradient;
  }

  // Gradients, and their norms, are whole only after a barrier.
  void add_updates() {
    const UpdatePlan& plan = program_.update;
    const bool norms = plan.clip_norm > 0 || plan.global_clip_norm > 0;
    const auto any = [](const Parameter&) { return true; };
    add_for(TaskKind::matrix_penalty, Axis::outputs, true, [](const Parameter& parameter) {
      return parameter.regularizer && is_of_matrices(*parameter.regularizer);
    });
    add_for(TaskKind::penalty, Axis::parameters, false, [](const Parameter& parameter) {
      return parameter.regularizer && !is_of_matrices(*parameter.regularizer);
    });
    if (norms) add_for(TaskKind::gradient_norm, Axis::parameters, false, any);
    add_for(TaskKind::update, Axis::parameters, norms, any);
    add_for(TaskKind::constrain, Axis::outputs, false, [](const Parameter& parameter) {
      return parameter.constraint.kind == Constraint::Kind::norm;
    });
  }

  // For every parameter that waits for its update and is `wanted`; the first may wait for all
  // before.
  template <class Wanted>
  void add_for(TaskKind kind, Axis axis, bool waits, Wanted wanted) {
    for (int i = 0; i < static_cast<int>(program_.parameters.size()); ++i) {
      if (update_of(i) != Update::deferred || !wanted(program_.parameters[i])) continue;
      add({.kind = kind, .axis = axis, .waits = waits, .parameter = i});
      waits = false;
    }
  }

  const Plan& plan_;
  const Mode mode_;
  Program& program_;
  Pass pass_;
  int parameters_ = 0;
  int activities_ = 0;
  bool at_input_ = true;  // no layer so far but rescaling ones, in any pass
  int current_ = -1;
};

// Whether what an update needs is known only after the whole gradient, or after several.
bool defers(const UpdatePlan& plan) {
  return plan.clip_value > 0 || plan.clip_norm > 0 || plan.global_clip_norm > 0 ||
         plan.accumulation_steps > 1 || plan.averages;
}

class ParameterCompiler {
 public:
  ParameterCompiler(const Plan& plan, Program& program) : plan_(plan), program_(program) {}

  void compile() {
    features_ = plan_.input_size;
    for (const LayerPlan& layer : plan_.layers) add_layer(layer);
    program_.output_size = features_;
  }

 private:
  void add_layer(const LayerPlan& layer) {
    const int channels = layer.along.length == 0 ? features_ : layer.along.length;
    switch (layer.kind) {
      case LayerKind::dense: {
        const int inputs = layer.inputs == 0 ? features_ : layer.inputs;
        const int positions = features_ / inputs;
        add(layer, "kernel", Layout::kernel, inputs, layer.units, layer.kernel);
        program_.parameters.back().positions = positions;
        if (layer.use_bias) add(layer, "bias", Layout::vector, 0, layer.units, layer.bias);
        features_ = layer.units * positions;
        break;
      }
      case LayerKind::feature:
      case LayerKind::batch_normalization:
        if (layer.use_kernel) add(layer, "kernel", Layout::vector, 0, channels, layer.kernel);
        if (layer.use_bias) add(layer, "bias", Layout::vector, 0, channels, layer.bias);
        if (layer.kind == LayerKind::batch_normalization) add_statistics(layer, channels);
        break;
      case LayerKind::normalization:
        add_statistics(layer, channels);
        break;
      case LayerKind::embedding:
        add(layer, "embeddings", Layout::table, layer.inputs, layer.units, layer.kernel);
        program_.input_indices = layer.inputs;
        features_ *= layer.units;
        break;
      case LayerKind::repeat:
        features_ *= layer.block.rows;
        break;
      case LayerKind::encoding:
        program_.input_indices = layer.block.columns;
        features_ = features_ / layer.block.rows * layer.block.columns;
        break;
      case LayerKind::activation:
      case LayerKind::noise:
      case LayerKind::rescaling:
      case LayerKind::activity_penalty:
      case LayerKind::transpose:
        break;
    }
  }

  void add_statistics(const LayerPlan& layer, int channels) {
    for (const auto& [name, plan] :
         {std::pair{"mean", &layer.mean}, {"variance", &layer.variance}}) {
      add(layer, name, Layout::vector, 0, channels, *plan);
      program_.parameters.back().trainable = false;
      program_.parameters.back().update = Update::none;
    }
  }

  void add(const LayerPlan& layer, const char* name, Layout layout, int rows, int columns,
           const ParameterPlan& plan) {
    Parameter parameter{layer.name + "/" + name, layout, rows, columns, plan.initializer};
    parameter.decays = plan.decays;
    if (plan_.training && layer.trainable) {
      parameter.regularizer = plan.regularizer;
      parameter.constraint = plan.constraint;
      check(parameter);
      const bool waits = layout == Layout::table || plan.regularizer ||
                         plan.constraint.kind != Constraint::Kind::none ||
                         defers(plan_.training->update);
      parameter.update = waits ? Update::deferred : Update::fused;
    }
    program_.parameters.push_back(std::move(parameter));
  }

  // That its groups and vectors are those of its shape: executors rely on it.
  static void check(const Parameter& parameter) {
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
    const bool of_columns = parameter.regularizer->params[1] != 0;
    if (is_vector || (of_columns ? columns : rows) < 2)
      fail("a regularizer that needs a matrix of several rows or columns");
  }

  const Plan& plan_;
  Program& program_;
  int features_ = 0;
};

}  // namespace

Program compile(const Plan& plan) {
  Program program;
  program.input_size = plan.input_size;
  program.precision = plan.precision;
  ParameterCompiler(plan, program).compile();
  program.predict = PassCompiler(plan, Mode::predict, program).compile();
  if (plan.training) {
    const TrainingPlan& training = *plan.training;
    program.reduction = training.reduction;
    program.update = training.update;
    program.slots = optimizer_slots(training.update.optimizer);
    if (training.update.accumulation_steps > 1) program.accumulator = program.slots++;
    if (training.update.averages) program.average = program.slots++;
    program.metrics = static_cast<int>(training.metrics.size());
    program.weighted_from = training.weighted_from;
    program.positions = training.positions;
    program.captures = training.captures;
    program.evaluate = PassCompiler(plan, Mode::evaluate, program).compile();
    program.train = PassCompiler(plan, Mode::train, program).compile();
  }
  dump_if_asked(program);
  return program;
}

}  // namespace neurode
