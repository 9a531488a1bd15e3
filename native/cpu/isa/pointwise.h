// Activations, losses, metrics and noise on panels: the rows of the op table, vectorised over
// rows of the batch.
#pragma once

#include <array>

#include "native/cpu/isa/dense.h"
#include "native/ops/activations.h"
#include "native/ops/losses.h"
#include "native/ops/metrics.h"
#include "native/ops/noise.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

// Line i of some lanes of a panel: an accessor for the row-wise functors.
struct ConstLines {
  const float* data;
  std::int64_t stride;
  NEURODE_INLINE Vec operator()(int i) const { return load(data + i * stride); }
};
struct Lines {
  float* data;
  std::int64_t stride;
  NEURODE_INLINE Vec operator()(int i) const { return load(data + i * stride); }
  NEURODE_INLINE void operator()(int i, Vec value) const { store(data + i * stride, value); }
};

// Calls visit(pointer offset) for every vector of `features` lines of a panel.
template <class Visit>
NEURODE_INLINE void each_vector(int features, int rows, Visit visit) {
  const int lanes = vectors_of(rows) * kLanes;
  for (int f = 0; f < features; ++f) {
    for (int i = 0; i < lanes; i += kLanes) visit(f * std::int64_t{kPanel} + i);
  }
}

// ------------------------------------------------------------------------------------------
// activations

template <class Activation>
void pointwise_forward(const float* params, const Along&, const float* z, float* y, int features,
                       int rows) {
  each_vector(features, rows, [&](std::int64_t i) {
    store(y + i, Activation::forward(load(z + i), ops::params_of<Activation>(params)));
  });
}

template <class Activation>
void pointwise_backward(const float* params, const Along&, const float* z, const float* y,
                        float* gradient, int features, int rows) {
  each_vector(features, rows, [&](std::int64_t i) {
    store(gradient + i,
          load(gradient + i) *
              Activation::derivative(load(z + i), load(y + i), ops::params_of<Activation>(params)));
  });
}

// Calls visit(first feature, length, distance between features) for every group that a row-wise
// function works on.
template <class Visit>
NEURODE_INLINE void each_group(const Along& along, int features, Visit visit) {
  const int length = along.length == 0 ? features : along.length;
  for (int first = 0; first < features; first += length * along.inner) {
    for (int i = 0; i < along.inner; ++i) visit(first + i, length, std::int64_t{along.inner});
  }
}

template <class Activation>
void rowwise_forward(const float* params, const Along& along, const float* z, float* y,
                     int features, int rows) {
  each_group(along, features, [&](int first, int length, std::int64_t step) {
    for (int i = 0; i < vectors_of(rows) * kLanes; i += kLanes) {
      const std::int64_t at = first * std::int64_t{kPanel} + i;
      Activation::template forward<Vec>(length, ConstLines{z + at, step * kPanel},
                                        Lines{y + at, step * kPanel},
                                        ops::params_of<Activation>(params));
    }
  });
}

template <class Activation>
void rowwise_backward(const float* params, const Along& along, const float* z, const float* y,
                      float* gradient, int features, int rows) {
  each_group(along, features, [&](int first, int length, std::int64_t step) {
    for (int i = 0; i < vectors_of(rows) * kLanes; i += kLanes) {
      const std::int64_t at = first * std::int64_t{kPanel} + i;
      const Lines d{gradient + at, step * kPanel};
      Activation::template backward<Vec>(length, ConstLines{z + at, step * kPanel},
                                         ConstLines{y + at, step * kPanel}, d, d,
                                         ops::params_of<Activation>(params));
    }
  });
}

struct ActivationKernels {
  void (*forward)(const float*, const Along&, const float*, float*, int, int);
  void (*backward)(const float*, const Along&, const float*, const float*, float*, int, int);
};

constexpr ActivationKernels kActivations[] = {
#define NEURODE_ROW(name, Functor, ...) \
  {pointwise_forward<ops::Functor>, pointwise_backward<ops::Functor>},
    NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(name, Functor, ...) \
  {rowwise_forward<ops::Functor>, rowwise_backward<ops::Functor>},
        NEURODE_ROWWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void activation_forward(const Op& op, const Along& along, const float* z, float* y,
                               int features, int rows) {
  kActivations[op.row].forward(op.params.data(), along, z, y, features, rows);
}

inline void activation_backward(const Op& op, const Along& along, const float* z, const float* y,
                                float* gradient, int features, int rows) {
  kActivations[op.row].backward(op.params.data(), along, z, y, gradient, features, rows);
}

inline void rescale(float scale, float offset, const float* x, float* y, int features, int rows) {
  each_vector(features, rows, [&](std::int64_t i) { store(y + i, load(x + i) * scale + offset); });
}

inline void multiply(const float* mask, const float* x, float* y, int features, int rows) {
  each_vector(features, rows, [&](std::int64_t i) { store(y + i, load(x + i) * load(mask + i)); });
}

// ------------------------------------------------------------------------------------- losses,
// metrics

template <class Loss>
void loss_rows(const float* params, const float* prediction, const float* targets, int outputs,
               int rows, float scale, const float* weights, float* values, float* gradient) {
  for (int i = 0; i < vectors_of(rows) * kLanes; i += kLanes) {
    const ConstLines y{prediction + i, kPanel}, target{targets + i, kPanel};
    if (gradient == nullptr) {
      store(values + i, Loss::template row<Vec>(outputs, y, target, ops::params_of<Loss>(params),
                                                ops::NoGradient{}));
      continue;
    }
    // Lanes past the last row repeat it: they count for nothing.
    Vec scales;
    for (int lane = 0; lane < kLanes; ++lane) {
      const float weight = weights == nullptr || i + lane >= rows ? 1 : weights[i + lane];
      scales[lane] = i + lane < rows ? scale * weight : 0;
    }
    store(values + i, Loss::template row<Vec>(outputs, y, target, ops::params_of<Loss>(params),
                                              [&](int output, Vec slope) {
                                                store(gradient + output * std::int64_t{kPanel} + i,
                                                      slope * scales);
                                              }));
  }
}

template <class Metric>
void metric_rows(const float* params, const float* prediction, const float* targets, int outputs,
                 int rows, float* values) {
  for (int i = 0; i < vectors_of(rows) * kLanes; i += kLanes) {
    const ConstLines y{prediction + i, kPanel}, target{targets + i, kPanel};
    store(values + i,
          Metric::template row<Vec>(outputs, y, target, ops::params_of<Metric>(params)));
  }
}

using LossKernel = void (*)(const float*, const float*, const float*, int, int, float, const float*,
                            float*, float*);
using MetricKernel = void (*)(const float*, const float*, const float*, int, int, float*);

// By row, then by whether the prediction holds logits.
constexpr LossKernel kLosses[][2] = {
#define NEURODE_ROW(name, Functor, LogitsFunctor, ...) \
  {loss_rows<ops::Functor>, loss_rows<ops::LogitsFunctor>},
    NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW
};

constexpr MetricKernel kMetrics[][2] = {
#define NEURODE_ROW(name, Functor, ...) {metric_rows<ops::Functor>, metric_rows<ops::Functor>},
    NEURODE_METRICS(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(name, Functor, LogitsFunctor, ...) \
  {metric_rows<ops::LossAsMetric<ops::Functor>>,       \
   metric_rows<ops::LossAsMetric<ops::LogitsFunctor>>},
        NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void loss(const Op& op, const float* prediction, const float* targets, int outputs, int rows,
                 float scale, const float* weights, float* values, float* gradient) {
  kLosses[op.row][ops::from_logits(op.params.data())](
      op.params.data(), prediction, targets, outputs, rows, scale, weights, values, gradient);
}

inline void metric(const Op& op, const float* prediction, const float* targets, int outputs,
                   int rows, float* values) {
  kMetrics[op.row][ops::from_logits(op.params.data())](op.params.data(), prediction, targets,
                                                       outputs, rows, values);
}

// ---------------------------------------------------------------------------------------------
// noise

// One block of Philox gives four features of each row.
template <class Noise>
void noise_rows(const float* params, std::uint64_t seed, std::int64_t step,
                const cpu::FirstLane& first, const float* x, float* factor, float* y, int features,
                int rows) {
  const ops::PhiloxKey key = ops::philox_key(seed, ops::Purpose::noise);
  const UintVec low = UintVec{} + static_cast<std::uint32_t>(step);
  const UintVec high = UintVec{} + static_cast<std::uint32_t>(step >> 32);
  for (int i = 0; i < vectors_of(rows) * kLanes; i += kLanes) {
    UintVec row, block_of_row;
    for (int lane = 0; lane < kLanes; ++lane) {
      const int at = first.index + i + lane;
      row[lane] = static_cast<std::uint32_t>(at / first.positions);
      block_of_row[lane] = static_cast<std::uint32_t>(at % first.positions * (features / 4));
    }
    for (int f = 0; f < features; f += 4) {
      const auto block = ops::philox<UintVec>(block_of_row + static_cast<std::uint32_t>(f / 4), row,
                                              low, high, key);
      for (int w = 0; w < 4 && f + w < features; ++w) {
        const std::int64_t at = (f + w) * std::int64_t{kPanel} + i;
        const auto drawn = Noise::template draw<Vec>(block.words[w], ops::params_of<Noise>(params));
        if (factor != nullptr) store(factor + at, drawn.factor);
        store(y + at, load(x + at) * drawn.factor + drawn.term);
      }
    }
  }
}

using NoiseKernel = void (*)(const float*, std::uint64_t, std::int64_t, const cpu::FirstLane&,
                             const float*, float*, float*, int, int);

constexpr NoiseKernel kNoises[] = {
#define NEURODE_ROW(name, Functor, ...) noise_rows<ops::Functor>,
    NEURODE_NOISES(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void noise(const Op& op, std::uint64_t seed, std::int64_t step, const cpu::FirstLane& first,
                  const float* x, float* factor, float* y, int features, int rows) {
  kNoises[op.row](op.params.data(), seed, step, first, x, factor, y, features, rows);
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
