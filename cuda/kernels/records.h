// The arguments of kernels: plain structures, passed by value or kept in device memory.
//
// A tensor is (rows, features), row-major. Its stride is a multiple of four floats, and its memory
// is aligned to 16 bytes.
#pragma once

#include <cstdint>

#include "cuda/runtime/runtime.h"
#include "native/engine/plugin.h"
#include "native/ops/optimizers.h"

#define NEURODE_DEVICE __device__ __forceinline__

namespace neurode::cuda {

using plugin::OpRecord;
using plugin::record_of;

constexpr int kThreads = 256;  // threads per block

// An output of the model with its loss and metrics, and where its targets are.
struct HeadState {
  std::int32_t outputs, positions;
  std::int32_t first_output, first_position, first_metric, metrics, weighted_from;
  std::int32_t first_target;   // its first column in target_rows
  std::int32_t takes_classes;  // whether that is a class index
  std::int32_t has_loss, takes_gradients;
  Reduction reduction;
  float loss_weight;
  float loss_scale;  // of a weighted batch
};

// The state of the range that is running. Everything that changes from step to step is here, in
// device memory, so that captured steps can be replayed.
struct RunState {
  const std::uint8_t* bytes;  // bound input: bytes or floats, the other is null
  const float* floats;
  const std::uint32_t* order;   // the epoch's order of rows, or null
  const std::int32_t* classes;  // bound targets: classes or target_rows
  const float* target_rows;
  const float* weights;    // weights of the targets, or null
  const float* gradients;  // gradients of the range's rows, in the range's order, in place of
                           // the targets of heads that take them; or null
  float* captured;  // gets outputs, targets and weights of the range's rows, in the range's order;
                    // or null
  float* input_gradients;       // gets the gradients of the input of the range's rows, or null
  const float* learning_rates;  // one for each batch of the range
  float scale, offset;
  std::int32_t features;
  HeadState* heads;
  // Floats that a row has in target_rows and weights, in gradients and in captured.
  std::int32_t row_targets, row_weights, row_outputs, row_captured;
  std::int64_t begin;     // position of the range's first row in the order
  std::int64_t position;  // position in the order of the first row of the batch, or of its part
  std::int64_t total;     // rows of the bound data
  std::int64_t batch_size;
  std::int64_t step;
  std::int32_t index;      // number of the batch in the range
  std::int32_t first_row;  // the row of the batch with which the part begins
  std::uint32_t finished;  // number of blocks of the step's last launch that have finished
};

struct Tensor {
  float* data;
  int stride;
  NEURODE_DEVICE float& at(int row, int feature) const {
    return data[row * static_cast<std::int64_t>(stride) + feature];
  }
};

// A tensor in global memory (data), or at an offset in the block's shared memory. Stride 0: no
// tensor.
struct Operand {
  float* data;
  int offset;
  int stride;
  NEURODE_DEVICE Tensor in(float* shared) const {
    return {data != nullptr ? data : shared + offset, stride};
  }
};

enum class StageKind : int {
  gather,
  dense_forward,       // output = f(z = input . kernel + bias)
  activation_forward,  // output = f(z)
  noise_forward,       // output = input * factor + term; auxiliary = factor
  rescale_forward,
  loss,                 // loss of each row of input, and the gradient
  metric,               // metric of each row of input
  activity_penalty,     // penalty of each row of input
  activity_gradient,    // gradient += penalty'(input) / rows of the batch
  activation_backward,  // gradient *= f'(z, output)
  noise_backward,       // gradient *= auxiliary
  rescale_backward,
  merge,                  // output = op(input, auxiliary)
  merge_backward_first,   // input_gradient = gradient * the slope by input
  merge_backward_second,  // the same by auxiliary
  dense_backward_input,   // input_gradient = gradient . kernel^T * f'(z, output); f, z and output
                          // belong to the layer below
};

// The work of one or two tasks of a Program.
struct Stage {
  StageKind kind;
  int inputs;  // of a dense layer; of a loss or a metric: its head
  int units;   // of a dense layer; for other stages, the number of features
  int line;    // of StepRecord::values that it writes
  Operand input, z, output, auxiliary, gradient, input_gradient;
  const float* kernel;  // (inputs, kernel_stride)
  const float* bias;
  int kernel_stride;
  OpRecord op;
  int length, inner;  // the features that a row-wise function works on: see Along
  float scale, offset;
  std::uint64_t seed;
};

// What is the same for all rows of a step, or of a part of its batch.
struct StepRecord {
  RunState* state;
  int rows;
  float* values;  // (lines, capacity): losses of heads, then metrics, then penalties, by position
  int capacity;
  int batch_rows;  // of the whole batch
};

// Sums over the steps of a range, in device memory. Those of the heads and then those of the
// metrics follow the structure.
struct RangeSums {
  double penalty;  // penalties of parameters and of outputs
  NEURODE_DEVICE plugin::HeadSumsRecord* heads() {
    return reinterpret_cast<plugin::HeadSumsRecord*>(this + 1);
  }
  NEURODE_DEVICE double* metrics(int heads) {
    return reinterpret_cast<double*>(this->heads() + heads);
  }
  static std::int64_t bytes(int heads, int metrics) {
    return static_cast<std::int64_t>(sizeof(RangeSums) + heads * sizeof(plugin::HeadSumsRecord) +
                                     metrics * sizeof(double));
  }
};

// How a step ends. Sums are in double precision and in a fixed order.
struct FinishRecord {
  RangeSums* sums;  // null: the step does not end here
  int heads;
  int metrics;      // of all heads
  int activities;   // number of output penalties
  int counts_step;  // whether the step counts as a step of the optimizer
  int ends_step;    // 0: other parts of the batch follow
};

// Where the gradient of a parameter goes: see update_patch.
struct WeightsRecord {
  float* values;  // the parameter, or its gradient if `stores`; null: the gradient is dropped
  float* slots[ops::kMaxSlots];
  float weight_decay;
  bool stores;
  bool adds;  // if it stores: adds to what is stored
};

// A parameter whose gradient is stored in the arena and applied by a later launch.
struct DeferredRecord {
  WeightsRecord weights;
  float* gradient;
  float* accumulator;  // sum of the gradients since the last update, or null
  float* average;      // moving average of the weights, or null
  std::int64_t size;   // floats
  int first_piece;     // the number of the parameter's first piece among the pieces of all such
                       // parameters
  int pieces;
  OpRecord regularizer;  // of single values; row -1: no regularizer
  int not_negative;
  // Floats that have no gradient and do not change.
  std::int64_t padding_begin, padding_end;
};

// A kernel or a table with a regularizer of its rows or columns, called vectors here. Vector v has
// element e at v * step + e * element_step.
struct MatrixRecord {
  const float* values;
  float* gradient;
  int vectors, size;
  int step, element_step;
  OpRecord regularizer;
  float* inverse_norms;
  double* penalties;  // one for each vector
};

// A parameter whose norms are constrained. Each group has `length` elements that are `inner` apart
// in Keras' order. The parameter is stored as (rows, stride).
struct ConstraintRecord {
  float* values;
  int columns, stride;
  std::int64_t size;  // number of elements
  std::int64_t length, inner;
  float least, most, rate;
};

}  // namespace neurode::cuda
