// Penalties of parameters and of outputs: the rows of the op table over runs of floats and panels.
#pragma once

#include "native/cpu/isa/pointwise.h"
#include "native/ops/regularizers.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

template <class Regularizer>
double penalize_run(const float* params, const float* x, float* gradient, int count) {
  Vec sum = {};
  for (int i = 0; i < count; i += kLanes) {
    const Vec value = load(x + i);
    sum += Regularizer::value(value, ops::params_of<Regularizer>(params));
    if (gradient != nullptr)
      store(gradient + i, load(gradient + i) +
                              Regularizer::derivative(value, ops::params_of<Regularizer>(params)));
  }
  double all = 0;
  for (int lane = 0; lane < kLanes; ++lane) all += static_cast<double>(sum[lane]);
  return all;
}

template <class Regularizer>
void penalize_lines(const float* params, const float* x, int features, int rows, float* values) {
  for (int i = 0; i < vectors_of(rows) * kLanes; i += kLanes) {
    Vec sum = {};
    for (int f = 0; f < features; ++f)
      sum += Regularizer::value(load(x + f * std::int64_t{kPanel} + i),
                                ops::params_of<Regularizer>(params));
    store(values + i, sum);
  }
}

// Lanes past the last row keep their gradient of 0.
template <class Regularizer>
void penalize_lines_backward(const float* params, float scale, const float* x, float* gradient,
                             int features, int rows) {
  const int whole = rows / kLanes * kLanes;
  for (int f = 0; f < features; ++f, x += kPanel, gradient += kPanel) {
    for (int i = 0; i < whole; i += kLanes)
      store(gradient + i,
            load(gradient + i) +
                Regularizer::derivative(load(x + i), ops::params_of<Regularizer>(params)) * scale);
    for (int i = whole; i < rows; ++i)
      gradient[i] +=
          Regularizer::template derivative<float>(x[i], ops::params_of<Regularizer>(params)) *
          scale;
  }
}

struct PenaltyKernels {
  double (*run)(const float*, const float*, float*, int);
  void (*lines)(const float*, const float*, int, int, float*);
  void (*backward)(const float*, float, const float*, float*, int, int);
};
constexpr PenaltyKernels kPenalties[] = {
#define NEURODE_ROW(name, Functor, ...) \
  {penalize_run<ops::Functor>, penalize_lines<ops::Functor>, penalize_lines_backward<ops::Functor>},
    NEURODE_POINTWISE_REGULARIZERS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline double penalize(const Op& op, const float* x, float* gradient, int count) {
  return kPenalties[op.row].run(op.params.data(), x, gradient, count);
}
inline void penalize_rows(const Op& op, const float* x, int features, int rows, float* values) {
  kPenalties[op.row].lines(op.params.data(), x, features, rows, values);
}
inline void penalize_rows_backward(const Op& op, float scale, const float* x, float* gradient,
                                   int features, int rows) {
  kPenalties[op.row].backward(op.params.data(), scale, x, gradient, features, rows);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
