// The Plan: what TypeScript asks for, once per model. Names are resolved to rows of the op table.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "native/engine/initializers.h"

namespace neurode {

// A row of one of the op tables, with its numbers in the row's order.
struct Op {
  int row = 0;
  std::array<float, 4> params{};
};

enum class LayerKind { dense, activation, dropout, rescaling };

// What a layer says of one of its parameters.
struct ParameterPlan {
  Initializer initializer;
  bool decays = true;  // takes part in weight decay
};

struct LayerPlan {
  LayerKind kind;
  std::string name;
  bool trainable = true;   // else its parameters stay as they are
  int units = 0;           // dense
  bool use_bias = false;   // dense
  Op activation;           // dense, activation
  ParameterPlan kernel;    // dense
  ParameterPlan bias;      // dense
  float rate = 0;          // dropout
  std::uint64_t seed = 0;  // dropout
  float scale = 1;         // rescaling
  float offset = 0;        // rescaling
};

enum class Reduction { mean, sum };

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
  UpdatePlan update;
};

struct Plan {
  int input_size = 0;
  std::vector<LayerPlan> layers;
  Precision precision = Precision::float32;
  std::optional<TrainingPlan> training;
};

}  // namespace neurode
