// Builds one pass of a Program, layer after layer.
#pragma once

#include <cstddef>

#include "native/engine/program.h"

namespace neurode {

enum class Mode { predict, evaluate, train };

// Every pass numbers the parameters alike, in the order of the layers. The predict pass has to be
// built first.
class PassBuilder {
 public:
  PassBuilder(const Plan& plan, Mode mode, Program& program)
      : plan_(plan), mode_(mode), program_(program) {}

  Pass build();

  // The rows of the layer table call the functions below.

  Mode mode() const { return mode_; }
  // The tensor that the last layer so far writes.
  int current() const { return current_; }
  int features() const { return features(current_); }
  int features(int tensor) const { return pass_.features[tensor]; }
  int positions(int tensor) const { return pass_.positions[tensor]; }
  const Parameter& parameter(int index) const { return program_.parameters[index]; }
  const std::vector<Parameter>& parameters() const { return program_.parameters; }
  const UpdatePlan& update() const { return program_.update; }
  const Task& task(std::size_t index) const { return pass_.tasks[index]; }

  // Returns the next parameter, in the order in which ParameterBuilder added them.
  int take_parameter() { return parameters_++; }
  int add_tensor(int features, int positions = 1);
  int add_tensor_like(int tensor) { return add_tensor(features(tensor), positions(tensor)); }
  // Adds the statistics of a batch for this many channels, and returns their index.
  int add_statistics(int channels);
  void add(const Task& task) { pass_.tasks.push_back(task); }
  // Adds a task that reads the current tensor. Its output, with this many features, becomes the
  // current tensor.
  void add_step(Task task, int features, int positions = 1);
  // From here on, the features of a row are split among this many positions.
  void regroup(int positions);
  void add_activation(const Op& op, const Along& along = {});
  // Adds a function of the channels along the layer's axis. Its backward task reads its input.
  void add_by_channel(const LayerPlan& layer, TaskKind kind, Task task);
  // Returns a task with the layer's kernel and bias, if the layer has them, and its statistics.
  Task take_parameters(const LayerPlan& layer);
  void add_activity_penalty(const Op& regularizer);
  // Folds a rescaling into the gather task if all layers before it are rescalings too. Returns
  // whether it did.
  bool fold_into_input(float scale, float offset);

 private:
  void add_layer(const LayerPlan& layer);
  bool is_fused_with_loss(const Op& activation) const;
  void add_loss(const TrainingPlan& training);

  const Plan& plan_;
  const Mode mode_;
  Program& program_;
  Pass pass_;
  int parameters_ = 0;
  int activities_ = 0;
  bool at_input_ = true;  // in every pass: all layers so far are rescalings
  int current_ = -1;
};

// Adds the backward pass of the tasks before `top`, beginning with the gradient of the last of
// these tasks' output, and then the updates of parameters.
void add_backward(PassBuilder& pass, std::size_t top, int gradient);

}  // namespace neurode
