// The Plan: the description of a model that TypeScript passes once. Its names are resolved to rows
// of the op table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "native/engine/initializers.h"

namespace neurode {

// Upper bounds of the sizes and seeds of a Plan.
constexpr std::int64_t kMostFeatures = 1 << 28;
constexpr std::int64_t kMostIndices = 1 << 24;  // float32 holds all integers up to this one
constexpr std::int64_t kMostSeed = (std::int64_t{1} << 53) - 1;

// The most numbers that a row of an op table has.
constexpr int kMostParams = 6;
using Params = std::array<float, kMostParams>;

// A row of an op table, with its numbers in the order of the row.
struct Op {
  int row = 0;
  Params params{};
};

// A group of `length` features along an axis, `inner` features apart. Length 0: all features of a
// row. Row-wise functions work on one group at a time. For functions with parameters, the group
// lists the channels, and each channel has `inner` features.
struct Along {
  int length = 0;
  int inner = 1;
};

// The features of a row as an array (outer, rows, columns, inner). `outer` follows from the size of
// the row.
struct Block {
  int rows = 1, columns = 1, inner = 1;
};

// So many indices whose vectors become one: their sum or their mean. 0: each has one of its own.
struct Bag {
  int indices = 0;
  bool averages = false;
};

enum class LayerKind {
  dense,
  activation,
  noise,
  rescaling,
  feature,              // a function that has parameters for each channel
  normalization,        // by statistics that are known beforehand
  batch_normalization,  // in training, by the statistics of the batch
  embedding,
  activity_penalty,  // adds a penalty of its input; its output is its input
  transpose,         // swaps rows and columns of a block
  repeat,            // repeats its input as the rows of a block
  pooling,           // reduces the rows of a block to one
  encoding,          // turns a block's integers into columns, one per category
  merge,             // joins its inputs element by element
  concatenation,     // puts its inputs side by side in each row of a block
  dot,               // the dot product of its two inputs
  take               // some columns of a block
};

// The constraint that a parameter meets again after every update.
struct Constraint {
  enum class Kind { none, not_negative, norm };
  Kind kind = Kind::none;
  // For Kind::norm. Each update moves a norm towards [least, most]; a rate of 1 moves it all the
  // way. `along` gives the groups of elements that have a norm each, in Keras' order; with length
  // 0, all elements have one norm.
  float least = 0, most = 0, rate = 1;
  Along along;
};

// What the Plan says about one parameter of a layer.
struct ParameterPlan {
  Initializer initializer;
  bool decays = true;  // weight decay applies to the parameter
  std::optional<Op> regularizer;
  Constraint constraint;
};

struct LayerPlan {
  LayerKind kind;
  std::string name;
  // The values that the layer reads. Value 0 is the model's input, value k + 1 the output of layer
  // k. Empty: the value before the layer's own.
  std::vector<int> from;
  int shares = -1;         // an earlier layer whose parameters it uses; -1: it has its own
  bool trainable = true;   // false: its parameters do not change
  int units = 0;           // dense: units; embedding: size of a vector
  int inputs = 0;          // dense: features of a position; embedding: number of vectors
  bool use_kernel = true;  // feature, batch_normalization: scale
  bool use_bias = false;   // dense; feature, batch_normalization: center
  Op activation;           // dense, activation
  ParameterPlan kernel;    // dense, embedding, feature, batch_normalization (gamma)
  ParameterPlan bias;      // dense, feature, batch_normalization (beta)
  ParameterPlan mean;      // normalization, batch_normalization
  ParameterPlan variance;  // normalization, batch_normalization
  Along along;             // activation, feature, normalization, batch_normalization
  // The function of noise, feature, pooling, merge and activity_penalty layers. Normalizations
  // store only numbers here: see normalize.
  Op op;
  std::uint64_t seed = 0;   // noise
  Block block;              // transpose, repeat, pooling, encoding, concatenation, take
  int begin = 0;            // take: the first column
  Bag bag;                  // embedding
  int padding = -1;         // embedding: the vector that steps do not change; -1: none
  bool normalizes = false;  // dot: of unit vectors
  bool counts = false;      // encoding: count occurrences; false: give 0 or 1
  float scale = 1;          // rescaling
  float offset = 0;         // rescaling
};

// How the weighted losses of a batch's rows become the loss of the batch: divided by the number of
// counted rows, not divided, or divided by the sum of weights.
enum class Reduction { mean, sum, weighted_mean };

// How gradients become new weights. The steps, in this order: accumulate, clip, decay, optimizer,
// average.
struct UpdatePlan {
  Op optimizer;
  float weight_decay = 0;  // decoupled: multiplied by the learning rate
  // At most one of the three is not 0.
  float clip_value = 0;        // limit of every element
  float clip_norm = 0;         // limit of the norm of each parameter's gradient
  float global_clip_norm = 0;  // limit of the norm of all gradients together
  int accumulation_steps = 1;  // an update uses the mean gradient of this many steps
  bool averages = false;       // keep an exponential moving average of the weights
  float average_momentum = 0;
  int overwrite_frequency = 0;  // updates until averages replace the weights; 0: never
  // Steps change only those vectors of tables that their batches name, whatever the optimizer.
  bool lazy = false;
};

// The type to which large matrix products round their elements. All else is float32.
enum class Precision { float32, tf32, bfloat16 };

// A metric whose value TypeScript computes from several sums over rows.
struct TallyPlan {
  // What is summed. The sums of all kinds but `moments` are of weights of rows.
  enum class Kind {
    thresholds,   // by how many thresholds an output is above: positive and negative targets
    classes,      // by output: true positives, false positives, false negatives
    confusion,    // (classes, classes): the classes of the row's target and output
    sides,        // (2, 2): the same of each output, whose class is whether it is above a threshold
    moments,      // values, weight; by output targets, their squares, squared errors
    pearson,      // correlation of a row's outputs with its targets; weight
    concordance,  // Lin's concordance correlation of the same; weight
    crossentropy,  // cross-entropy without one class; weight
  };
  Kind kind = Kind::thresholds;
  // In ascending order. `classes` without one: the largest outputs of a row are positive.
  std::vector<float> thresholds;
  int class_id = -1;         // the only output that counts; crossentropy: the one that does not
  int top_k = 0;             // so many of a row's outputs can be positive; 0: all
  int classes = 0;           // confusion, sides
  bool soft = false;         // a target between 0 and 1 is partly positive
  bool clips = false;        // outputs are clipped to 0 ... 1
  bool by_output = false;    // thresholds: each output has its own sums
  bool from_logits = false;  // crossentropy
  bool weighted = false;     // the weights of rows apply; else each row counts 1
};

// An output of the model with its loss and metrics.
struct HeadPlan {
  int value = -1;          // -1: the model's output
  std::optional<Op> loss;  // none: the output has no loss
  float loss_weight = 1;   // what the loss counts in that of the model
  Reduction reduction = Reduction::mean;
  std::vector<Op> metrics;
  std::vector<TallyPlan> tallies;
  int weighted_from = 0;  // metrics from this index on weight their rows
  int positions = 1;      // positions of a row; each has its loss and metrics
};

// How a batch is cut: into `count` parts, a power of two, of which this process computes `mine`,
// from `first` on. Gradients are added in a tree over all parts, so the bits depend on `count`
// alone. count 1: a batch is one piece, and its gradients are sums over all of its rows.
constexpr int kMostParts = 1024;
struct Parts {
  int count = 1, first = 0, mine = 1;

  // Rows [first_row(p), first_row(p + 1)) of a batch are part p: none where it has too few.
  std::int64_t first_row(std::int64_t rows, int part) const { return rows * part / count; }
  int end() const { return first + mine; }
};

struct TrainingPlan {
  // The outputs of several heads lie side by side in the model's output, in this order.
  std::vector<HeadPlan> heads;
  bool captures = false;  // callers may ask for the outputs and targets of rows
  // Gradients are kept, so that callers may ask for them and set them.
  bool gradients = false;
  bool input_gradients = false;  // callers may ask for the gradient of the input
  // The training pass computes as a prediction does: without noise, by moving statistics.
  bool inference = false;
  UpdatePlan update;
  Parts parts;
};

struct Plan {
  int input_size = 0;
  std::vector<LayerPlan> layers;
  Precision precision = Precision::float32;
  std::optional<TrainingPlan> training;
  int output = -1;  // the value that is the model's output; -1: that of the last layer
};

// The values that layer `index` reads, and the value that is the model's output.
inline std::vector<int> inputs_of(const Plan& plan, int index) {
  const std::vector<int>& from = plan.layers[index].from;
  return from.empty() ? std::vector<int>{index} : from;
}
inline int output_of(const Plan& plan) {
  return plan.output < 0 ? static_cast<int>(plan.layers.size()) : plan.output;
}

// The value that is the output of a head.
inline int value_of(const Plan& plan, const HeadPlan& head) {
  return head.value < 0 ? output_of(plan) : head.value;
}

}  // namespace neurode
