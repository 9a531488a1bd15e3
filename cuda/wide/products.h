// Arguments of the matrix products of wide layers, for every implementation.
#pragma once

#include "cuda/wide/warp_matrix.h"

namespace neurode::cuda {

// Element types of operands. Tf32 is float32 in memory and is rounded when it is loaded into
// registers.
struct Tf32 {
  static constexpr int kBytes = 4;
};
struct Bf16 {
  static constexpr int kBytes = 2;
};

// An operand in global memory: rows are `stride` elements apart and aligned to 16 bytes.
struct Matrix {
  const void* data;
  std::int64_t stride;
};

// A tensor or kernel rounded to bfloat16, its rows padded to a multiple of eight. Stride 0: no
// copy.
struct Copy {
  BFloat16* data;
  int stride;
};

// (rows, units) = f(input . kernel + bias)
struct ForwardProduct {
  Matrix input, kernel;
  int rows, inputs, units;
  const float* bias;
  OpRecord op;
  Tensor z, output;
  Copy copy;
};

// (rows, inputs) = gradient . kernel^T * f'(z, output); f is the activation of the layer below
struct BackwardProduct {
  Matrix gradient, kernel;
  int rows, inputs, units;
  OpRecord op;
  Tensor z, output;
  Copy output_copy;  // used if output has stride 0
  Tensor input_gradient;
  Copy copy;
};

// Updates weights with (inputs, units) = input^T . gradient, and the bias with the gradient's sum
// over the rows
struct WeightsProduct {
  Matrix input, gradient;
  int rows, inputs, units;
  WeightsRecord kernel, bias;  // bias.values null: no bias
  int kernel_stride;
  Copy kernel_copy;
  OpRecord optimizer;
  const RunState* state;
};

}  // namespace neurode::cuda
