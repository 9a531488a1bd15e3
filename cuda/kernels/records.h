// What kernels are told: plain structures, passed by value or kept in device memory.
//
// A tensor is (rows, features), row-major, its stride a multiple of four floats and its memory
// aligned to 16 bytes.
#pragma once

#include <cstdint>

#include "cuda/runtime/runtime.h"
#include "native/engine/plugin.h"
#include "native/ops/optimizers.h"

#define NEURODE_DEVICE __device__ __forceinline__

namespace neurode::cuda {

using plugin::OpRecord;
using plugin::record_of;

constexpr int kThreads = 256;  // of every block

// The range that is running: everything that changes from step to step, so that captured steps can
// be replayed.
struct RunState {
  const std::uint8_t* bytes;  // bound input: one of the two
  const float* floats;
  const std::uint32_t* order;   // or null
  const std::int32_t* classes;  // bound targets: one of the two
  const float* target_rows;
  const float* weights;    // of the targets, or null
  const float* gradients;  // of the range's rows in their order, in place of targets; or null
  float* captured;         // the range's rows in their order: outputs, targets, weight; or null
  const float* learning_rates;  // by batch of the range
  float scale, offset;
  std::int32_t features, outputs;
  std::int32_t positions;  // of a row's outputs: so many targets, weights and losses has each
  std::int64_t begin;      // position of the range's first row
  std::int64_t position;   // of the batch's first row
  std::int64_t total;      // rows of the data
  std::int64_t batch_size;
  std::int64_t step;
  std::int32_t index;      // of the batch in the range
  std::uint32_t finished;  // blocks of the step's last launch
  float loss_scale;        // of a weighted batch
};

struct Tensor {
  float* data;
  int stride;
  NEURODE_DEVICE float& at(int row, int feature) const {
    return data[row * static_cast<std::int64_t>(stride) + feature];
  }
};

// A tensor in global memory, or at an offset of a block's shared memory. Stride 0: none.
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
  noise_forward,       // output = input * (auxiliary = factor) + term
  rescale_forward,
  loss,                 // row losses of input, gradient
  metric,               // row values of input
  activity_penalty,     // row values of input
  activity_gradient,    // gradient += penalty'(input) / rows of the batch
  activation_backward,  // gradient *= f'(z, output)
  noise_backward,       // gradient *= auxiliary
  rescale_backward,
  dense_backward_input,  // input_gradient = gradient . kernel^T * f'(z, output), of the layer below
};

// One or two tasks of a Program.
struct Stage {
  StageKind kind;
  int inputs, units;  // of a dense layer; else units are the features
  int metric;
  Operand input, z, output, auxiliary, gradient, input_gradient;
  const float* kernel;  // (inputs, kernel_stride)
  const float* bias;
  int kernel_stride;
  OpRecord op;
  int length, inner;  // of what a row-wise function works on: see Along
  float scale, offset;
  std::uint64_t seed;
};

// What is the same for all rows of a step.
struct StepRecord {
  RunState* state;
  int rows;
  float loss_scale;  // below 0: that of the state
  float* values;     // (row_values(), capacity): losses, metrics and penalties of positions
  int capacity;
};

// Sums of a range's steps, in device memory. Those of the metrics follow.
struct RangeSums {
  double loss;
  double counted;  // positions that count
  double weight;   // of those
  double penalty;  // of parameters and outputs
  NEURODE_DEVICE double* metrics() { return reinterpret_cast<double*>(this + 1); }
  static std::int64_t bytes(int metrics) {
    return static_cast<std::int64_t>(sizeof(RangeSums) + metrics * sizeof(double));
  }
};

// How a step ends: sums in double precision, in a fixed order.
struct FinishRecord {
  RangeSums* sums;  // null: it is not the end
  int metrics;
  int activities;     // penalties of outputs
  int weighted_from;  // metrics from here on weigh their rows
  int mean;           // whether a batch's loss is the mean over its rows
  int counts_step;    // whether the step counts as one of the optimizer
};

// Where a parameter's gradient goes: see update_patch.
struct WeightsRecord {
  float* values;  // null: nowhere. The parameter's, or its gradient's where that is only stored
  float* slots[ops::kMaxSlots];
  float weight_decay;
  bool stores;
};

// A parameter whose gradient is in the arena, for the launches that make an update of it.
struct DeferredRecord {
  WeightsRecord weights;
  float* gradient;
  float* accumulator;  // of gradients between updates, or null
  float* average;      // of the weights, or null
  std::int64_t size;   // floats
  int first_piece;     // among the pieces of all such parameters
  int pieces;
  OpRecord regularizer;  // of single values; row -1: none
  int not_negative;
};

// A kernel or a table with a regularizer of its rows or columns: vector v has its element e at
// v * step + e * element_step.
struct MatrixRecord {
  const float* values;
  float* gradient;
  int vectors, size;
  int step, element_step;
  OpRecord regularizer;
  float* inverse_norms;
  double* penalties;  // of the vectors
};

// A parameter whose norms are constrained: groups of `length` elements `inner` apart, in Keras'
// order; the parameter is (rows, stride).
struct ConstraintRecord {
  float* values;
  int columns, stride;
  std::int64_t size;  // elements
  std::int64_t length, inner;
  float least, most, rate;
};

}  // namespace neurode::cuda
