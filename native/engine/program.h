// The Program: the tasks of one step, as ordered lists over tensors and parameters. Executors
// interpret a Program.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "native/engine/plan.h"

namespace neurode {

// How a task is divided among threads. Consecutive tasks with the same axis form a segment, which
// has no barrier inside: each thread runs its slice of all tasks of the segment. So a task may read
// only those rows, outputs or elements of an earlier task of its segment that its own slice covers.
//
// rows: rows of the batch. Such a task reads no other rows, and nothing that changes meanwhile.
// outputs: units or features over the whole batch; each task divides its work itself. These are
//   gradients of parameters, statistics of the batch, and tasks on whole columns of a parameter.
// parameters: elements of the parameter `Task::parameter`, in pieces that do not depend on the
//   number of threads, so that sums do not either. A segment runs its tasks on one parameter piece
//   by piece.
enum class Axis { rows, outputs, parameters };

enum class TaskKind {
  gather_input,             // output = rows of the bound input
  gather_targets,           // output = a head's bound targets, class indices as one-hot rows
  dense_forward,            // output = input . kernel + bias
  activation_forward,       // output = f(input)
  noise_forward,            // output = input * factor + term; auxiliary = factor (-1: always 1)
  rescale_forward,          // output = input * scale + offset
  feature_forward,          // output = f(input; kernel, bias of the channel)
  normalize_forward,        // output = (input - mean) factor(variance) kernel + bias, by channel
  batch_normalize_forward,  // as above, by the statistics of the batch
  embedding_forward,        // output = that row of kernel for each input, or the sum of a bag's
  regroup,                  // output = input, its features split by position or joined in a row
  transpose,  // output (outer, columns, rows, inner) = input (outer, rows, columns, inner)
  repeat,     // output (rows, columns) = input (columns), row after row
  pool,       // output (columns) = f(input (rows, columns)) over the rows of a block
  encode,     // output (outer, columns) = count of each integer in input (outer, rows)
  merge,      // output = op(input, auxiliary), element by element
  place,      // output (rows, any), columns [begin, begin + columns) = input (rows, columns)
  take,       // output (rows, columns) = input (rows, any), columns [begin, begin + columns)
  loss,       // input = prediction, auxiliary = targets; writes row losses and gradient (-1: none)
  metric,     // input = prediction, auxiliary = targets; writes row values
  activity_penalty,   // writes the penalties of the rows of input
  activity_gradient,  // gradient += penalty'(input) / rows of the batch
  pool_backward,      // input_gradient (rows, columns) = gradient (columns) times each row's share
  repeat_backward,    // output (columns) = sum of input (rows, columns) over rows
  take_backward,      // output (rows, any) = input (rows, columns) in its columns, 0 in others
  merge_backward,     // input_gradient = gradient * the slope by input or auxiliary, see side
  activation_backward,       // gradient *= f'(input, output)
  noise_backward,            // gradient *= auxiliary
  rescale_backward,          // gradient *= scale
  feature_backward,          // input_gradient = gradient * f'(input)
  normalize_backward,        // gradient *= factor(variance) kernel
  batch_normalize_backward,  // gradient = d input, from the sums of batch_sums
  dense_backward_input,      // input_gradient = gradient . kernel^T
  dense_backward_weights,    // d kernel and d bias over the whole batch; see Update
  batch_statistics,          // statistics = those of input; moves mean and variance towards them
  batch_sums,           // sums of the backward pass into statistics; d kernel, d bias; see Update
  feature_gradients,    // d kernel and d bias; see Update
  embedding_gradients,  // d kernel
  matrix_penalty,       // as penalty, but of whole rows or columns
  penalty,              // penalty of a parameter, piece by piece; its gradient += penalty'
  gradient_norm,        // sums of squares of a parameter's gradient, piece by piece
  update,               // computes a parameter's new value from its gradient
  constrain,            // moves a parameter's norms back into their bounds
  exchange,             // adds up the gradients of all parts of the batch, see Parts
};

// Tensors and parameters are given by their indices; -1: none.
struct Task {
  TaskKind kind;
  Axis axis = Axis::rows;
  bool waits = false;  // begins a new segment even if the axis is the same
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
  int statistics = -1;  // index into Pass::statistics
  int metric = -1;
  int head = 0;  // gather_targets, loss, metric
  Op op = {};
  Along along = {};
  Block block = {};
  Bag bag = {};   // embedding_forward, embedding_gradients
  int begin = 0;  // place, take: the first column
  int side = 0;   // merge_backward: 0: the slope by input; 1: by auxiliary
  bool counts = false;
  // The gradients of parameters are added to those that an earlier task of the step has stored:
  // several layers share the parameters.
  bool adds = false;
  // The gradients of its table are complete behind this task.
  bool completes = false;
  std::uint64_t seed = 0;
  float scale = 1;
  float offset = 0;
};

// How many layers may share a table whose update is fused.
constexpr int kMostTableUses = 8;

// How a parameter's gradient is used. A layer's backward task does not read this value: it passes
// the gradient to finish_gradient (CPU executor) or update_patch (CUDA), which does.
enum class Update {
  none,      // no gradient is computed: the layer is frozen, or the parameter is a statistic
  fused,     // the task that computes the gradient applies the optimizer at once; of a table, the
             // last one does, to those vectors that the batch names
  deferred,  // that task stores the gradient in the arena, and an update task follows
};

// The memory layout of a parameter. Kernels (rows = inputs, columns = units) are stored transposed
// on the CPU, (units, inputs). Tables (rows, columns), such as embeddings, are not transposed. A
// vector has rows 0.
enum class Layout { vector, kernel, table };

struct Parameter {
  std::string name;
  Layout layout;
  int rows;  // 0: a vector
  int columns;
  Initializer initializer;
  int positions = 1;  // dense: the most rows of a matrix product per row of the batch
  int uses = 1;       // how many layers use the parameter
  // Whether the parameter has optimizer variables and, unless its layer is frozen, a gradient.
  // Tasks write the other parameters directly, such as moving statistics.
  bool trainable = true;
  bool decays = true;
  // A row of a table that has no gradient and that no step changes; bags leave it out. -1: none.
  int padding = -1;
  Update update = Update::none;
  std::optional<Op> regularizer;  // none if the layer is frozen
  Constraint constraint;

  std::int64_t size() const { return std::int64_t{rows == 0 ? 1 : rows} * columns; }
};

// One traversal of the network. Tensor t is (batch, positions[t], features[t]). A tensor with
// several positions is read only by matrix products, their activations and `regroup`. Entry s of
// `statistics` is a number of channels: an executor keeps kStatistics numbers for each of them.
struct Pass {
  std::vector<int> features;
  std::vector<int> positions;
  std::vector<int> statistics;
  std::vector<Task> tasks;
  std::vector<int> outputs;  // of each head; a prediction has one that holds them all
  int input_gradient = -1;   // the tensor that is the gradient of the input, if it is wanted

  int width(int tensor) const { return features[tensor] * positions[tensor]; }
};

// The statistics of a batch for one channel: mean, inverse of the standard deviation, factor, and
// the slope and the term of the backward pass.
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

// An output of the model with its loss and metrics. Each position of a row has a target, a weight,
// and row values: the loss and the metrics.
struct Head {
  int outputs = 0;         // of one position
  int positions = 1;       // of a row
  int first_output = 0;    // its first column in the model's output
  int first_position = 0;  // its first among the positions of all heads
  int first_metric = 0;    // its first among the metrics of all heads
  int metrics = 0;
  int weighted_from = 0;  // its metrics from this one on weight their rows
  int first_value = 0;    // its first among the row values of all heads
  Reduction reduction = Reduction::mean;
  float loss_weight = 1;
  bool has_loss = true;
  bool takes_gradients = false;  // its loss takes gradients that replace targets
  // The head has no loss, but training changes parameters that lead to no other gradient: that of
  // the head is 0.
  bool has_no_gradient = false;

  int size() const { return outputs * positions; }
  // The row value that is the loss of a position; its metrics follow.
  int value_at(int position) const { return first_value + position * (1 + metrics); }
};

// A tally of a head.
struct Tally {
  TallyPlan plan;
  int head = 0;
  int outputs = 0;         // of a position
  std::int64_t first = 0;  // its first sum among those of all tallies
  std::int64_t size = 0;
  bool evenly = false;  // thresholds are about i / (count - 1)
};

// Where a head's targets begin in a row of the targets of several, and whether they are class
// indices.
struct TargetColumns {
  int begin = 0;
  bool are_classes = false;
};

struct Program {
  int input_size = 0;
  int output_size = 0;
  // For each input feature: the feature is an integer below this; 0: it is any number. Empty: all
  // are any numbers.
  std::vector<int> input_limits;
  float input_scale = 1;  // scale and offset of leading rescaling layers
  float input_offset = 0;
  std::vector<Parameter> parameters;
  Pass predict;
  // These two are empty if the Plan has no training.
  Pass evaluate;
  Pass train;
  std::vector<Head> heads;
  std::vector<Tally> tallies;
  UpdatePlan update;
  Parts parts;
  // How many variables a trainable parameter has: those of the optimizer, then the accumulator and
  // the average.
  int slots = 0;
  int accumulator = -1;
  int average = -1;
  int metrics = 0;  // of all heads
  std::int64_t tally_sums = 0;
  int activities = 0;  // how many activity penalties there are
  int positions = 0;   // of all heads in a row
  int values = 0;      // row values of all heads in a row; penalties follow them
  bool captures = false;
  bool keeps_gradients = false;
  Precision precision = Precision::float32;

  // The number of row values of a row: those of all positions, and activity penalties.
  int row_values() const { return values + activities; }
  // Floats that a capture takes of a row: of each position outputs, targets and weight.
  int captured_floats() const { return 2 * output_size + positions; }
};

Program compile(const Plan& plan);

// The first values of a parameter, in Keras' order.
std::vector<float> first_values(const Parameter& parameter);

}  // namespace neurode
