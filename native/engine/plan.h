// The Plan: what TypeScript asks for, once per model. Names are resolved to rows of the op table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "native/engine/initializers.h"

namespace neurode {

// What sizes and seeds of a Plan may be at most.
constexpr std::int64_t kMostFeatures = 1 << 28;
constexpr std::int64_t kMostSeed = (std::int64_t{1} << 53) - 1;

// The most numbers that a row of an op table has.
constexpr int kMostParams = 6;
using Params = std::array<float, kMostParams>;

// A row of one of the op tables, with its numbers in the row's order.
struct Op {
  int row = 0;
  Params params{};
};

// Features along an axis: `length` of them, `inner` apart; length 0: all of a row. What row-wise
// functions work on; or, for functions with parameters, the channels, each `inner` features at a
// time.
struct Along {
  int length = 0;
  int inner = 1;
};

// How the features of a row are arranged: (outer, rows, columns, inner), outer as many as there
// are.
struct Block {
  int rows = 1, columns = 1, inner = 1;
};

enum class LayerKind {
  dense,
  activation,
  noise,
  rescaling,
  feature,              // a function with parameters for each channel
  normalization,        // by known statistics
  batch_normalization,  // by those of the batch while it trains
  embedding,
  activity_penalty,  // of what comes in, which goes on as it is
  transpose,         // rows and columns of a block change places
  repeat,            // a row of features becomes the rows of a block
  pooling,           // the rows of a block become one
  encoding           // the integers of a block's row become its columns, one for each category
};

// What a parameter is brought back to after every step.
struct Constraint {
  enum class Kind { none, not_negative, norm };
  Kind kind = Kind::none;
  // Norm: the way into [least, most] that a step goes, 1 being all of it, and whose norms these
  // are: groups of elements in Keras' order; length 0: of all together.
  float least = 0, most = 0, rate = 1;
  Along along;
};

// What a layer says of one of its parameters.
struct ParameterPlan {
  Initializer initializer;
  bool decays = true;  // takes part in weight decay
  std::optional<Op> regularizer;
  Constraint constraint;
};

struct LayerPlan {
  LayerKind kind;
  std::string name;
  bool trainable = true;   // else its parameters stay as they are
  int units = 0;           // dense; size of an embedding's vectors
  int inputs = 0;          // dense: features of a position; embedding: how many vectors
  bool use_kernel = true;  // feature, batch_normalization: scale
  bool use_bias = false;   // dense; feature, batch_normalization: center
  Op activation;           // dense, activation
  ParameterPlan kernel;    // dense, embedding, feature, batch_normalization (gamma)
  ParameterPlan bias;      // dense, feature, batch_normalization (beta)
  ParameterPlan mean;      // normalization, batch_normalization
  ParameterPlan variance;  // normalization, batch_normalization
  Along along;             // activation, feature, normalization, batch_normalization
  Op op;  // noise, feature, pooling, activity_penalty; of normalizations only the numbers: see
          // normalize
  std::uint64_t seed = 0;  // noise
  Block block;             // transpose, repeat, pooling, encoding
  bool counts = false;     // encoding: how often, not whether
  float scale = 1;         // rescaling
  float offset = 0;        // rescaling
};

// How the weighted losses of a batch's rows become its loss: divided by the rows that count, not
// divided, or divided by the sum of weights.
enum class Reduction { mean, sum, weighted_mean };

// How gradients become new weights: accumulate, clip, decay, optimizer, average, in this order.
struct UpdatePlan {
  Op optimizer;
  float weight_decay = 0;  // decoupled, times the learning rate
  // One of the three at most; 0: none.
  float clip_value = 0;        // of every element
  float clip_norm = 0;         // of every parameter's gradient
  float global_clip_norm = 0;  // of all gradients together
  int accumulation_steps = 1;  // gradients of so many steps are averaged for an update
  bool averages = false;       // keeps an exponential average of the weights
  float average_momentum = 0;
  int overwrite_frequency = 0;  // updates after which weights become their averages; 0: never
};

// What the elements of large matrix products are rounded to; all else is float32.
enum class Precision { float32, tf32, bfloat16 };

struct TrainingPlan {
  Op loss;
  Reduction reduction = Reduction::mean;
  std::vector<Op> metrics;
  int weighted_from = 0;  // metrics from here on weigh their rows
  int positions = 1;      // of an output: losses and metrics are of each of them
  bool captures = false;  // rows of outputs and targets can be asked for
  UpdatePlan update;
};

struct Plan {
  int input_size = 0;
  std::vector<LayerPlan> layers;
  Precision precision = Precision::float32;
  std::optional<TrainingPlan> training;
};

}  // namespace neurode
