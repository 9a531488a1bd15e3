// The Program: what one step does, as ordered lists of tasks over tensors and parameters. Executors
// interpret it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native/engine/plan.h"

namespace neurode {

// How a task may be cut: by rows of the batch, or by outputs (units, parameters).
// A barrier stands only where the axis changes.
enum class Axis { rows, outputs };

enum class TaskKind {
  gather_input,          // output = rows of the bound input
  gather_targets,        // output = rows of the bound targets, class indices as one-hot rows
  dense_forward,         // output = input . kernel + bias
  activation_forward,    // output = f(input)
  dropout_forward,       // output = input * mask; auxiliary = mask
  rescale_forward,       // output = input * scale + offset
  loss,                  // input = prediction, auxiliary = targets: row losses, gradient (-1: none)
  metric,                // input = prediction, auxiliary = targets: row values
  activation_backward,   // gradient *= f'(input, output)
  dropout_backward,      // gradient *= auxiliary
  rescale_backward,      // gradient *= scale
  dense_backward_input,  // input_gradient = gradient . kernel^T
  dense_backward_weights,  // d kernel and d bias over the whole batch, and their update
};

// Tensors and parameters are indices into their tables; -1: none.
struct Task {
  TaskKind kind;
  Axis axis = Axis::rows;
  int input = -1;
  int output = -1;
  int auxiliary = -1;
  int gradient = -1;
  int input_gradient = -1;
  int kernel = -1;
  int bias = -1;
  int metric = -1;
  Op op = {};
  float rate = 0;
  std::uint64_t seed = 0;
  float scale = 1;
  float offset = 0;
};

// Kernel (inputs, units), or bias (units) with inputs 0.
struct Parameter {
  std::string name;
  int inputs;
  int units;
  Initializer initializer;

  std::int64_t size() const { return std::int64_t{inputs == 0 ? 1 : inputs} * units; }
};

// One way through the network. Tensor t is (batch, features[t]).
struct Pass {
  std::vector<int> features;
  std::vector<Task> tasks;
  int output = -1;
};

struct Program {
  int input_size = 0;
  int output_size = 0;
  float input_scale = 1;  // rescaling layers at the input, folded into the gather
  float input_offset = 0;
  std::vector<Parameter> parameters;
  Pass predict;
  // Without training, empty:
  Pass evaluate;
  Pass train;
  Reduction reduction = Reduction::mean;
  Op optimizer;
  int slots = 0;  // optimizer variables per parameter
  float weight_decay = 0;
  int metrics = 0;
  int weighted_from = 0;  // metrics from here on weigh their rows
  bool captures = false;
  Precision precision = Precision::float32;
};

Program compile(const Plan& plan);

}  // namespace neurode
