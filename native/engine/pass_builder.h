// Builds one pass of a Program, layer after layer.
//
// Values are numbered as in a Plan. Several values can be the same tensor: a layer that changes
// nothing in this pass returns the tensor that it reads.
#pragma once

#include <cstddef>
#include <map>
#include <utility>
#include <vector>

#include "native/engine/program.h"

namespace neurode {

enum class Mode { predict, evaluate, train };

// Gradients of tensors, from which a backward pass begins.
struct Gradients {
  std::vector<int> tensors, gradients;
  std::vector<int> none;  // tensors whose gradient is 0
};

// The predict pass has to be built first.
class PassBuilder {
 public:
  // `first_parameters`: the index of the first parameter of each layer.
  PassBuilder(const Plan& plan, const std::vector<int>& first_parameters, Mode mode,
              Program& program);

  Pass build();

  // The rows of the layer table call the functions below.

  // Whether layers compute as in training: with noise, by the statistics of the batch.
  bool trains() const { return mode_ == Mode::train && !plan_.training->inference; }
  // The tensors that the layer reads. All but layers that join several inputs have one.
  const std::vector<int>& inputs() const { return inputs_; }
  // The tensor that the layer's next task reads.
  int current() const { return current_; }
  // Whether parameters have gradients though layers compute as in a prediction.
  bool learns_by_inference() const { return mode_ == Mode::train && !trains(); }
  // Whether the batch is cut into parts whose gradients are added up.
  bool has_parts() const { return program_.parts.count > 1; }
  bool wants_input_gradient() const { return plan_.training->input_gradients; }
  void set_input_gradient(int tensor) { pass_.input_gradient = tensor; }
  int width() const { return pass_.width(current_); }
  int features() const { return features(current_); }
  int features(int tensor) const { return pass_.features[tensor]; }
  int positions(int tensor) const { return pass_.positions[tensor]; }
  const Parameter& parameter(int index) const { return program_.parameters[index]; }
  const std::vector<Parameter>& parameters() const { return program_.parameters; }
  const UpdatePlan& update() const { return program_.update; }
  std::vector<Task>& tasks() { return pass_.tasks; }

  // Returns the layer's next parameter, in the order in which ParameterBuilder added them.
  int take_parameter() { return parameter_++; }
  int add_tensor(int features, int positions = 1);
  int add_tensor_like(int tensor) { return add_tensor(features(tensor), positions(tensor)); }
  // Adds the statistics of a batch for this many channels, and returns their index.
  int add_statistics(int channels);
  void add(const Task& task);
  // `tensor` becomes the current tensor.
  void go_on_from(int tensor) { current_ = tensor; }
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
  // Joins the layer's inputs one after the other. The result becomes the current tensor.
  void add_merges(const Op& op);
  // Scales each input of the layer to a unit vector.
  void normalize_inputs();
  // Folds a rescaling into the gather task if all layers before it are rescalings too, and nothing
  // else reads the input. Returns whether it did.
  bool fold_into_input(float scale, float offset);

 private:
  struct Value {
    int tensor;     // -1: this pass does not compute it
    bool at_input;  // in every pass: the model's input, rescaled at most
  };
  // What is known of a tensor.
  struct State {
    TaskKind writer{};  // the last task that wrote to it
    bool held = false;  // no later task may write to it: it is read again
  };

  void add_layer(int index);
  int regrouped(int tensor, int positions);
  void hold(int tensor) { states_[tensor].held = true; }
  bool may_overwrite(int tensor) const;
  const Task* activation_before_loss(const HeadPlan& head, int output) const;
  bool may_fuse_with_loss(const Op& activation) const;
  void add_head(const HeadPlan& head, int index);

  const Plan& plan_;
  const std::vector<int>& first_parameters_;
  const Mode mode_;
  Program& program_;
  Pass pass_;
  std::vector<bool> computed_;  // by layer: whether the pass needs it
  std::vector<int> uses_;       // of each value: by layers, and as an output
  std::vector<Value> values_;
  std::vector<State> states_;                       // of each tensor
  std::map<std::pair<int, int>, int> regroupings_;  // by tensor and positions
  std::vector<int> inputs_;
  Gradients gradients_;  // of the losses
  int parameter_ = 0;
  int activities_ = 0;
  bool at_input_ = true;  // of the layer that is being added
  int current_ = -1;
};

// Adds the backward pass of the first `count` tasks, and then the updates of parameters.
void add_backward(PassBuilder& pass, std::size_t count, const Gradients& given);

}  // namespace neurode
