// Builds one pass of a Program, layer after layer.
#pragma once

#include <cstddef>

#include "native/engine/program.h"

namespace neurode {

enum class Mode { predict, evaluate, train };

// Parameters are numbered in the order of the layers, the same in every pass. The pass that
// predicts has to be built first.
class PassBuilder {
 public:
  PassBuilder(const Plan& plan, Mode mode, Program& program)
      : plan_(plan), mode_(mode), program_(program) {}

  Pass build();

  // For rows of the table of layers.

  Mode mode() const { return mode_; }
  // What the layers so far give.
  int current() const { return current_; }
  int features() const { return features(current_); }
  int features(int tensor) const { return pass_.features[tensor]; }
  int positions(int tensor) const { return pass_.positions[tensor]; }
  const Parameter& parameter(int index) const { return program_.parameters[index]; }
  const std::vector<Parameter>& parameters() const { return program_.parameters; }
  const UpdatePlan& update() const { return program_.update; }
  const Task& task(std::size_t index) const { return pass_.tasks[index]; }

  // The next one in the order of ParameterBuilder.
  int take_parameter() { return parameters_++; }
  int add_tensor(int features, int positions = 1);
  int add_tensor_like(int tensor) { return add_tensor(features(tensor), positions(tensor)); }
  // Statistics of so many channels of a batch.
  int add_statistics(int channels);
  void add(const Task& task) { pass_.tasks.push_back(task); }
  // Adds a task of the current tensor, whose output, of so many features, becomes the current one.
  void add_step(Task task, int features, int positions = 1);
  // From here on, the features of a row by so many positions.
  void regroup(int positions);
  void add_activation(const Op& op, const Along& along = {});
  // A function of the channels along the layer's axis, whose backward task reads its input.
  void add_by_channel(const LayerPlan& layer, TaskKind kind, Task task);
  // The layer's kernel and bias, where it has them, and its statistics.
  Task take_parameters(const LayerPlan& layer);
  void add_activity_penalty(const Op& regularizer);
  // Folds a rescaling into the gather, if nothing but rescaling came before.
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
  bool at_input_ = true;  // no layer so far but rescaling ones, in any pass
  int current_ = -1;
};

// Adds the backward pass of the tasks before `top`, from the gradient of what the last of them
// gives, and the updates of parameters.
void add_backward(PassBuilder& pass, std::size_t top, int gradient);

}  // namespace neurode
