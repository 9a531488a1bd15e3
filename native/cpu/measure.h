// Speed of the CPU and of single kernels, for the benchmarks. Functions take threads of their own.
#pragma once

#include "native/engine/op_table.h"

namespace neurode::cpu {

// How many threads work, and for how many seconds at least.
struct Measurement {
  int threads;
  double seconds;
};

// Floating-point operations a second of all threads together, where each does nothing but fused
// multiply-adds in registers.
double measure_peak(const Measurement& measurement);

// Seconds of the product (m, k) . (k, n), that of a dense layer with m units, k inputs and a batch
// of n rows, which the threads share.
double measure_product(const Measurement& measurement, int m, int n, int k);

// Seconds of an activation, loss, metric or optimizer over `size` floats, on one thread.
double measure_op(double seconds, OpKind kind, const Op& op, int size);
constexpr int kLeastMeasuredSize = 64;

}  // namespace neurode::cpu
