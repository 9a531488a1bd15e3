// The Program: what one step does, as ordered lists of tasks over tensors and parameters. Executors
// interpret it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "native/engine/plan.h"

namespace neurode {

// How a task may be cut among threads. Tasks with the same axis that follow one another are a
// segment, with no barrier inside: each thread runs its slice of all of them. So a task may read
// only the same rows, outputs or elements of what another task of its segment wrote.
//
// rows: rows of the batch; sees neither other rows nor anything that changes.
// outputs: units or features over the whole batch; every task cuts itself. Gradients of parameters,
//   statistics of the batch, and what works on whole columns of a parameter.
// parameters: elements of the parameter `Task::parameter`, in pieces that are the same for any
//   number of threads, so that their sums are as well. A segment's tasks on one parameter run piece
//   by piece.
enum class Axis { rows, outputs, parameters };

enum class TaskKind {
  gather_input,             // output = rows of the bound input
  gather_targets,           // output = rows of the bound targets, class indices as one-hot rows
  dense_forward,            // output = input . kernel + bias
  activation_forward,       // output = f(input)
  noise_forward,            // output = input * factor + term; auxiliary = factor (-1: always 1)
  rescale_forward,          // output = input * scale + offset
  feature_forward,          // output = f(input; kernel, bias of the channel)
  normalize_forward,        // output = (input - mean) factor(variance) kernel + bias, by channel
  batch_normalize_forward,  // the same by the batch's statistics
  embedding_forward,        // output = rows of kernel, one for each input, which is an index
  regroup,                  // output = input, its features by positions or all in one row
  transpose,          // output (outer, columns, rows, inner) = input (outer, rows, columns, inner)
  repeat,             // output (rows, columns) = input (columns), row after row
  pool,               // output (columns) = f(input (rows, columns)), over the rows of a block
  encode,             // output (outer, columns) = how often each occurs in input (outer, rows)
  loss,               // input = prediction, auxiliary = targets: row losses, gradient (-1: none)
  metric,             // input = prediction, auxiliary = targets: row values
  activity_penalty,   // row values of input
  activity_gradient,  // gradient += penalty'(input) / rows of the batch
  pool_backward,      // input_gradient (rows, columns) = gradient (columns) by each row's share
  repeat_backward,    // output (columns) = sum of input (rows, columns) over rows
  activation_backward,       // gradient *= f'(input, output)
  noise_backward,            // gradient *= auxiliary
  rescale_backward,          // gradient *= scale
  feature_backward,          // input_gradient = gradient * f'(input)
  normalize_backward,        // gradient *= factor(variance) kernel
  batch_normalize_backward,  // gradient = d input, from what batch_sums found
  dense_backward_input,      // input_gradient = gradient . kernel^T
  dense_backward_weights,    // d kernel and d bias over the whole batch: see Update
  batch_statistics,          // statistics = those of input; mean and variance move towards them
  batch_sums,                // of the backward pass into statistics; d kernel, d bias: see Update
  feature_gradients,         // d kernel and d bias: see Update
  embedding_gradients,       // d kernel
  matrix_penalty,            // as penalty, of whole rows or columns
  penalty,                   // of a parameter, piece by piece; its gradient += penalty'
  gradient_norm,             // sums of the squares of a parameter's gradient, piece by piece
  update,                    // a parameter's new value from its gradient
  constrain,                 // a parameter's norms are brought back into their bounds
};

// Tensors and parameters are indices into their tables; -1: none.
struct Task {
  TaskKind kind;
  Axis axis = Axis::rows;
  bool waits = false;  // begins a segment, though the axis stays the same
  int input = -1;
  int output = -1;
  int auxiliary = -1;
  int gradient = -1;
  int input_gradient = -1;
  int kernel = -1;
  int bias = -1;
  int mean = -1;
  int variance = -1;
  int parameter = -1;
  int statistics = -1;  // of the pass
  int metric = -1;
  Op op = {};
  Along along = {};
  Block block = {};
  bool counts = false;
  std::uint64_t seed = 0;
  float scale = 1;
  float offset = 0;
};

// What becomes of a parameter's gradient. A layer's backward task asks for nothing: it hands what
// it computed to the executor's finish_gradient (CPU) or update_patch (CUDA).
enum class Update {
  none,      // no gradient is wanted: the layer is frozen, or the parameter is a statistic
  fused,     // the task that computes the gradient applies the optimizer at once
  deferred,  // it writes the gradient to the parameter's place in the arena; an update task follows
};

// How a parameter lies in memory. Kernels (rows = inputs, columns = units) are transposed on the
// CPU, (units, inputs); tables (rows, columns), such as embeddings, are not; a vector has rows 0.
enum class Layout { vector, kernel, table };

struct Parameter {
  std::string name;
  Layout layout;
  int rows;  // 0: a vector
  int columns;
  Initializer initializer;
  int positions = 1;  // of a dense layer: its products have so many rows for one of the batch
  // Optimizer variables and, while its layer is not frozen, a gradient. Without: what tasks write
  // themselves, such as moving statistics.
  bool trainable = true;
  bool decays = true;
  Update update = Update::none;
  std::optional<Op> regularizer;  // while its layer is not frozen
  Constraint constraint;

  std::int64_t size() const { return std::int64_t{rows == 0 ? 1 : rows} * columns; }
};

// One way through the network. Tensor t is (batch, positions[t], features[t]); where there are
// several positions it is matrix products, their activations and `regroup` alone that read it.
// Statistics s are those of a batch's channels: an executor keeps kStatistics numbers for each.
struct Pass {
  std::vector<int> features;
  std::vector<int> positions;
  std::vector<int> statistics;
  std::vector<Task> tasks;
  int output = -1;

  int width(int tensor) const { return features[tensor] * positions[tensor]; }
};

// Numbers of a channel of a batch: mean, inverse of the deviation, factor, and slope and term of
// the backward pass.
constexpr int kStatistics = 5;

// Tasks [begin, end) of a pass.
struct Segment {
  Axis axis;
  int begin, end;
};
inline std::vector<Segment> segments_of(const Pass& pass) {
  std::vector<Segment> segments;
  for (int i = 0; i < static_cast<int>(pass.tasks.size()); ++i) {
    const Task& task = pass.tasks[i];
    if (segments.empty() || segments.back().axis != task.axis || task.waits)
      segments.push_back({task.axis, i, i});
    segments.back().end = i + 1;
  }
  return segments;
}

struct Program {
  int input_size = 0;
  int output_size = 0;
  int input_indices = 0;  // inputs are integers from 0 to below it; 0: they are any numbers
  float input_scale = 1;  // rescaling layers at the input, folded into the gather
  float input_offset = 0;
  std::vector<Parameter> parameters;
  Pass predict;
  // Without training, empty:
  Pass evaluate;
  Pass train;
  Reduction reduction = Reduction::mean;
  UpdatePlan update;
  // Variables per trainable parameter: the optimizer's, then accumulator and average.
  int slots = 0;
  int accumulator = -1;
  int average = -1;
  int metrics = 0;
  int activities = 0;     // penalties of outputs
  int weighted_from = 0;  // metrics from here on weigh their rows
  int positions = 1;      // of an output, each with a loss and metrics of its own
  bool captures = false;
  Precision precision = Precision::float32;

  // Outputs of a position.
  int outputs() const { return output_size / positions; }
  // Values of a position: its loss, metrics, and penalties of outputs, which the first one has.
  int row_values() const { return 1 + metrics + activities; }
};

Program compile(const Plan& plan);

}  // namespace neurode
