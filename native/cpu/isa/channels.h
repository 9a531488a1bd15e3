// Tasks whose parameters belong to features: scales, parametric activations, normalization by
// moving statistics and by those of the batch.
//
// A channel is the features that share a parameter. Sums over a batch are in double precision, in
// an order that does not depend on how rows are cut into panels: row r is in lane r % kHalf.
#pragma once

#include "native/cpu/isa/pointwise.h"
#include "native/ops/features.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

using cpu::BatchLines;
using cpu::BatchStatistics;

constexpr int kHalf = kLanes / 2;
typedef float HalfVec __attribute__((vector_size(kVectorBytes / 2)));
typedef float UnalignedHalfVec
    __attribute__((vector_size(kVectorBytes / 2), aligned(4), may_alias));
typedef double WideVec __attribute__((vector_size(kVectorBytes)));

NEURODE_INLINE HalfVec load_half(const float* p) {
  return *reinterpret_cast<const UnalignedHalfVec*>(p);
}
NEURODE_INLINE WideVec widen(HalfVec v) { return __builtin_convertvector(v, WideVec); }
NEURODE_INLINE double widen(float v) { return v; }

// The parameters of a channel: what is not there counts as 1 and 0.
NEURODE_INLINE float kernel_of(const float* kernel, int channel) {
  return kernel != nullptr ? kernel[channel] : 1;
}
NEURODE_INLINE float bias_of(const float* bias, int channel) {
  return bias != nullptr ? bias[channel] : 0;
}

NEURODE_INLINE int channels_of(const Along& along, int features) {
  return along.length == 0 ? features : along.length;
}

// Calls visit(feature) for every feature of a channel.
template <class Visit>
NEURODE_INLINE void each_feature(const Along& along, int features, int channel, Visit visit) {
  const int period = channels_of(along, features) * along.inner;
  for (int first = channel * along.inner; first < features; first += period) {
    for (int f = first; f < first + along.inner; ++f) visit(f);
  }
}

// Calls visit(offset of the vector) for every vector of a channel in a panel.
template <class Visit>
NEURODE_INLINE void each_channel_vector(const Along& along, int features, int rows, int channel,
                                        Visit visit) {
  const int lanes = vectors_of(rows) * kLanes;
  each_feature(along, features, channel, [&](int f) {
    for (int i = 0; i < lanes; i += kLanes) visit(f * std::int64_t{kPanel} + i);
  });
}

// ------------------------------------------------------------------------------------------------
// functions with parameters

template <class Function>
void feature_forward_rows(const Along& along, const float* kernel, const float* bias,
                          const float* x, float* y, int features, int rows) {
  for (int c = 0; c < channels_of(along, features); ++c) {
    const float k = kernel_of(kernel, c), b = bias_of(bias, c);
    each_channel_vector(along, features, rows, c, [=](std::int64_t i) {
      store(y + i, Function::forward(load(x + i), k, b));
    });
  }
}

template <class Function>
void feature_backward_rows(const Along& along, const float* kernel, const float* x,
                           const float* gradient, float* input_gradient, int features, int rows) {
  for (int c = 0; c < channels_of(along, features); ++c) {
    const float k = kernel_of(kernel, c);
    each_channel_vector(along, features, rows, c, [=](std::int64_t i) {
      store(input_gradient + i, load(gradient + i) * Function::slope(load(x + i), k));
    });
  }
}

// Calls add(x, gradient, sums...).
template <int kSums, class T, class Sum, class Add>
NEURODE_INLINE void add_to(Sum (&sums)[kSums], T x, T gradient, Add add) {
  if constexpr (kSums == 1) {
    add(x, gradient, sums[0]);
  } else {
    static_assert(kSums == 2);
    add(x, gradient, sums[0], sums[1]);
  }
}

// Sums of a channel over the batch: add(x, gradient, sums...) for half vectors of rows, and for
// single ones at the end.
template <int kSums, class Add>
NEURODE_INLINE void channel_sums(const BatchLines& lines, int channel, double (&sums)[kSums],
                                 Add add) {
  WideVec wide[kSums] = {};
  const float* const gradient = lines.gradient != nullptr ? lines.gradient : lines.x;
  each_feature(lines.along, lines.features, channel, [&](int f) {
    for (int p = 0; p < lines.panels; ++p) {
      const std::int64_t at = p * lines.step + f * std::int64_t{kPanel};
      const int rows = lines.panel_rows[p], whole = rows / kHalf * kHalf;
      for (int i = 0; i < whole; i += kHalf)
        add_to<kSums>(wide, load_half(lines.x + at + i), load_half(gradient + at + i), add);
      for (int i = whole; i < rows; ++i) {
        double one[kSums] = {};
        add_to<kSums>(one, lines.x[at + i], gradient[at + i], add);
        for (int s = 0; s < kSums; ++s) wide[s][i - whole] += one[s];
      }
    }
  });
  for (int s = 0; s < kSums; ++s) {
    sums[s] = 0;
    for (int lane = 0; lane < kHalf; ++lane) sums[s] += wide[s][lane];
  }
}

// Stores a channel's gradient, or adds it to the one that is stored. Null: nobody wants it.
NEURODE_INLINE void keep(const BatchLines& lines, double gradient, float* stored, int channel) {
  if (stored == nullptr) return;
  stored[channel] = static_cast<float>(gradient) + (lines.adds ? stored[channel] : 0);
}

template <class Function>
void feature_gradient_sums(const BatchLines& lines, float* by_kernel, float* by_bias) {
  for (int c = lines.begin; c < lines.end; ++c) {
    double sums[2];
    channel_sums(lines, c, sums, [](auto x, auto gradient, auto& of_kernel, auto& of_bias) {
      of_kernel += widen(Function::by_kernel(x) * gradient);
      of_bias += widen(Function::by_bias(x) * gradient);
    });
    const auto [of_kernel, of_bias] = sums;
    keep(lines, of_kernel, by_kernel, c);
    keep(lines, of_bias, by_bias, c);
  }
}

struct FeatureKernels {
  void (*forward)(const Along&, const float*, const float*, const float*, float*, int, int);
  void (*backward)(const Along&, const float*, const float*, const float*, float*, int, int);
  void (*gradients)(const BatchLines&, float*, float*);
};

constexpr FeatureKernels kFeatureFunctions[] = {
#define NEURODE_ROW(name, Functor)                                          \
  {feature_forward_rows<ops::Functor>, feature_backward_rows<ops::Functor>, \
   feature_gradient_sums<ops::Functor>},
    NEURODE_FEATURE_FUNCTIONS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void feature_forward(const Op& op, const Along& along, const float* kernel,
                            const float* bias, const float* x, float* y, int features, int rows) {
  kFeatureFunctions[op.row].forward(along, kernel, bias, x, y, features, rows);
}

inline void feature_backward(const Op& op, const Along& along, const float* kernel, const float* x,
                             const float* gradient, float* input_gradient, int features, int rows) {
  kFeatureFunctions[op.row].backward(along, kernel, x, gradient, input_gradient, features, rows);
}

inline void feature_gradients(const Op& op, const BatchLines& lines, float* by_kernel,
                              float* by_bias) {
  kFeatureFunctions[op.row].gradients(lines, by_kernel, by_bias);
}

// ------------------------------------------------------------------------------------------------
// normalization by known statistics

// The factors of some channels: whole vectors, as parameters are padded.
struct Factors {
  static constexpr int kMost = 64;
  float values[kMost];

  Factors(const Op& op, const float* variance, const float* gamma, int begin, int end) {
    const auto& numbers = ops::named<ops::NormalizationParams>(op.params.data());
    for (int i = 0; i < end - begin; i += kLanes) {
      const Vec factor =
          ops::normalizing_factor(load(variance + begin + i), numbers, numbers.undoes());
      store(values + i, gamma != nullptr ? factor * load(gamma + begin + i) : factor);
    }
  }
};

// Calls visit(channel, mean, factor, offset) with which y = (x - mean) factor + offset.
template <class Visit>
NEURODE_INLINE void each_normalized(const Op& op, const cpu::Normalizer& n, int channels,
                                    Visit visit) {
  const bool inverts = ops::named<ops::NormalizationParams>(op.params.data()).undoes();
  for (int begin = 0; begin < channels; begin += Factors::kMost) {
    const int end = std::min(begin + Factors::kMost, channels);
    const Factors factors(op, n.variance, n.gamma, begin, end);
    for (int c = begin; c < end; ++c) {
      visit(c, inverts ? 0.0f : n.mean[c], factors.values[c - begin],
            inverts ? n.mean[c] : bias_of(n.beta, c));
    }
  }
}

inline void normalize(const Op& op, const Along& along, const cpu::Normalizer& normalizer,
                      const float* x, float* y, int features, int rows) {
  each_normalized(op, normalizer, channels_of(along, features),
                  [&](int channel, float mean, float factor, float offset) {
                    each_channel_vector(along, features, rows, channel, [=](std::int64_t i) {
                      store(y + i, (load(x + i) - mean) * factor + offset);
                    });
                  });
}

inline void normalize_backward(const Op& op, const Along& along, const cpu::Normalizer& normalizer,
                               float* gradient, int features, int rows) {
  each_normalized(op, normalizer, channels_of(along, features),
                  [&](int channel, float, float factor, float) {
                    each_channel_vector(along, features, rows, channel, [=](std::int64_t i) {
                      store(gradient + i, load(gradient + i) * factor);
                    });
                  });
}

// ------------------------------------------------------------------------------------------------
// normalization by the batch

// Values of a channel in the batch.
NEURODE_INLINE double count_of(const BatchLines& lines) {
  double rows = 0;
  for (int p = 0; p < lines.panels; ++p) rows += lines.panel_rows[p];
  return rows * (lines.features / channels_of(lines.along, lines.features));
}

// Mean and variance (the population's) of channels [begin, end); moving statistics follow them,
// where given.
inline void batch_statistics(const Op& op, const BatchLines& lines, const float* gamma,
                             const BatchStatistics& statistics, float* moving_mean,
                             float* moving_variance) {
  const auto& numbers = ops::named<ops::NormalizationParams>(op.params.data());
  const float momentum = numbers.momentum, rest = 1 - momentum;
  const double count = count_of(lines);
  for (int c = lines.begin; c < lines.end; ++c) {
    double sum[1], squares[1];
    channel_sums(lines, c, sum, [](auto x, auto, auto& sum) { sum += widen(x); });
    const double mean = *sum / count;
    channel_sums(lines, c, squares, [mean](auto x, auto, auto& squares) {
      const auto d = widen(x) - mean;
      squares += d * d;
    });
    const float variance = static_cast<float>(*squares / count);
    statistics.mean[c] = static_cast<float>(mean);
    statistics.inverse[c] = ops::normalizing_factor(variance, numbers, false);
    statistics.factor[c] = statistics.inverse[c] * kernel_of(gamma, c);
    if (moving_mean == nullptr) continue;
    moving_mean[c] = moving_mean[c] * momentum + statistics.mean[c] * rest;
    moving_variance[c] = moving_variance[c] * momentum + variance * rest;
  }
}

inline void batch_normalize(const Along& along, const BatchStatistics& statistics,
                            const float* beta, const float* x, float* y, int features, int rows) {
  for (int c = 0; c < channels_of(along, features); ++c) {
    const float mean = statistics.mean[c], factor = statistics.factor[c], b = bias_of(beta, c);
    each_channel_vector(along, features, rows, c,
                        [=](std::int64_t i) { store(y + i, (load(x + i) - mean) * factor + b); });
  }
}

// d gamma = sum(dy x'), d beta = sum(dy) with x' = (x - mean) inverse, and what the gradient by x
// needs of them: dx = factor (dy - d beta / count - x' d gamma / count)
//                   = dy factor + ((x - mean) slope + term).
inline void batch_sums(const BatchLines& lines, const BatchStatistics& statistics, float* by_gamma,
                       float* by_beta) {
  const double count = count_of(lines);
  for (int c = lines.begin; c < lines.end; ++c) {
    const double mean = statistics.mean[c], inverse = statistics.inverse[c],
                 factor = statistics.factor[c];
    double sums[2];
    channel_sums(lines, c, sums, [mean](auto x, auto gradient, auto& moved, auto& of_beta) {
      const auto wide = widen(gradient);
      moved += (widen(x) - mean) * wide;
      of_beta += wide;
    });
    const auto [moved, of_beta] = sums;
    const double of_gamma = moved * inverse;
    statistics.slope[c] = static_cast<float>(-factor * inverse * of_gamma / count);
    statistics.term[c] = static_cast<float>(-factor * of_beta / count);
    keep(lines, of_gamma, by_gamma, c);
    keep(lines, of_beta, by_beta, c);
  }
}

inline void batch_normalize_backward(const Along& along, const BatchStatistics& statistics,
                                     const float* x, float* gradient, int features, int rows) {
  for (int c = 0; c < channels_of(along, features); ++c) {
    const float mean = statistics.mean[c], factor = statistics.factor[c],
                slope = statistics.slope[c], term = statistics.term[c];
    each_channel_vector(along, features, rows, c, [=](std::int64_t i) {
      store(gradient + i, load(gradient + i) * factor + ((load(x + i) - mean) * slope + term));
    });
  }
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
