// The matrix products of wide layers, whoever computes them.
#pragma once

#include "cuda/wide/warp_matrix.h"

namespace neurode::cuda {

// Elements of operands. Tf32 is float32 in memory, rounded on the way to the registers.
struct Tf32 {
  static constexpr int kBytes = 4;
};
struct Bf16 {
  static constexpr int kBytes = 2;
};

// An operand in global memory: rows of `stride` elements, aligned to 16 bytes.
struct Matrix {
  const void* data;
  std::int64_t stride;
};

// A tensor or kernel rounded to bfloat16, rows padded to eight. Stride 0: none.
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

// (rows, inputs) = gradient . kernel^T * f'(z, output), f of the layer below
struct BackwardProduct {
  Matrix gradient, kernel;
  int rows, inputs, units;
  OpRecord op;
  Tensor z, output;
  Copy output_copy;  // where there is no output
  Tensor input_gradient;
  Copy copy;
};

// The update with (inputs, units) = input^T . gradient, and with the gradient's sum over rows
struct WeightsProduct {
  Matrix input, gradient;
  int rows, inputs, units;
  WeightsRecord kernel, bias;  // bias.values null: none
  int kernel_stride;
  Copy kernel_copy;
  OpRecord optimizer;
  const RunState* state;
};

}  // namespace neurode::cuda
