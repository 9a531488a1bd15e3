// Metrics: each has one functor and one row. row(n, y, target, p) returns the values of rows, one
// row per lane, as in losses.h.
#pragma once

#include "native/ops/losses.h"
#include "native/ops/math.h"

namespace neurode::NEURODE_ISA_NAMESPACE::ops {

// The fraction of outputs for which (y > threshold) equals the target.
struct BinaryAccuracy {
  struct Params {
    float threshold;
  };
  template <class T, class Y, class Target>
  static NEURODE_FN T row(int n, Y y, Target target, const Params& p) {
    T hits = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) {
      const T decision = select<T>(y(i) > p.threshold, splat<T>(1.0f), splat<T>(0.0f));
      hits += select<T>(decision == target(i), splat<T>(1.0f), splat<T>(0.0f));
    }
    return hits / static_cast<float>(n);
  }
};

// The fraction of outputs that equal the target.
struct ExactAccuracy {
  template <class T, class Y, class Target>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams) {
    T hits = splat<T>(0.0f);
    for (int i = 0; i < n; ++i)
      hits += select<T>(y(i) == target(i), splat<T>(1.0f), splat<T>(0.0f));
    return hits / static_cast<float>(n);
  }
};

// Sum and Mean ignore the targets.
struct Sum {
  template <class T, class Y, class Target>
  static NEURODE_FN T row(int n, Y y, Target, NoParams) {
    T sum = y(0);
    for (int i = 1; i < n; ++i) sum += y(i);
    return sum;
  }
};
struct Mean {
  template <class T, class Y, class Target>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams p) {
    return Sum::row<T>(n, y, target, p) / static_cast<float>(n);
  }
};

// 1 if the first maximum of y has the same index as the first maximum of the target, otherwise 0.
struct CategoricalAccuracy {
  template <class T, class Y, class Target>
  static NEURODE_FN T row(int n, Y y, Target target, NoParams) {
    T best = y(0), best_index = splat<T>(0.0f);
    T truth = target(0), truth_index = splat<T>(0.0f);
    for (int i = 1; i < n; ++i) {
      const T index = splat<T>(static_cast<float>(i));
      const T yi = y(i);
      const T ti = target(i);
      best_index = select<T>(yi > best, index, best_index);
      best = max<T>(best, yi);
      truth_index = select<T>(ti > truth, index, truth_index);
      truth = max<T>(truth, ti);
    }
    return select<T>(best_index == truth_index, splat<T>(1.0f), splat<T>(0.0f));
  }
};

// 1 if fewer than k outputs are greater than the output of the true class, so ties count as hits; 0
// if an output is not finite. The true class is the first maximum of the target.
struct TopKCategoricalAccuracy {
  struct Params {
    float k;
  };
  template <class T, class Y, class Target>
  static NEURODE_FN T row(int n, Y y, Target target, const Params& p) {
    T truth = target(0), chosen = y(0);
    for (int i = 1; i < n; ++i) {
      const T ti = target(i);
      const T yi = y(i);
      chosen = select<T>(ti > truth, yi, chosen);
      truth = max<T>(truth, ti);
    }
    T above = splat<T>(0.0f);
    for (int i = 0; i < n; ++i) {
      const T yi = y(i);
      above += select<T>(yi > chosen, splat<T>(1.0f), splat<T>(0.0f));
      above += select<T>(abs(yi) <= kMaxFloat, splat<T>(0.0f), splat<T>(kInfinity));
    }
    return select<T>(above < p.k, splat<T>(1.0f), splat<T>(0.0f));
  }
};

template <class Loss>
struct LossAsMetric {
  using Params = ParamsOf<Loss>;
  template <class T, class Y, class Target>
  static NEURODE_FN T row(int n, Y y, Target target, const Params& p) {
    return Loss::template row<T>(n, y, target, p, NoGradient{});
  }
};

}  // namespace neurode::NEURODE_ISA_NAMESPACE::ops

// The metrics that are not losses. ROW(name, functor, names of the functor's numbers...). Every row
// of NEURODE_LOSSES is a metric as well, through LossAsMetric, with the same numbers.
#define NEURODE_METRICS(ROW)                       \
  ROW(binaryAccuracy, BinaryAccuracy, "threshold") \
  ROW(exactAccuracy, ExactAccuracy)                \
  ROW(sum, Sum)                                    \
  ROW(mean, Mean)                                  \
  ROW(categoricalAccuracy, CategoricalAccuracy)    \
  ROW(topKCategoricalAccuracy, TopKCategoricalAccuracy, "k")
