// The optimizers' rows over runs of floats, and what happens to gradients on their way to them.
#pragma once

#include <type_traits>

#include "native/cpu/isa/simd.h"
#include "native/cpu/optimizer_step.h"
#include "native/ops/optimizers.h"
#include "native/ops/updates.h"

namespace neurode::NEURODE_ISA_NAMESPACE {

static_assert(ops::kMaxSlots <= cpu::kMostSlots);

// Updates `count` consecutive weights, whole vectors, from their gradients.
template <class Optimizer>
NEURODE_INLINE void update_run(float* weights, const float* gradient, float* const* slots,
                               std::int64_t start, int count, float keep,
                               const typename Optimizer::Scalars& scalars) {
  for (int i = 0; i < count; i += kLanes) {
    Vec state[Optimizer::kSlots + 1];
    for (int s = 0; s < Optimizer::kSlots; ++s) state[s] = load(slots[s] + start + i);
    const Vec weight = load(weights + start + i) * keep;
    store(weights + start + i, Optimizer::update(weight, load(gradient + i), state, scalars));
    for (int s = 0; s < Optimizer::kSlots; ++s) store(slots[s] + start + i, state[s]);
  }
}

template <class Optimizer>
void update_all(float* weights, const float* gradient, float* const* slots, int count,
                const cpu::OptimizerStep& step) {
  update_run<Optimizer>(
      weights, gradient, slots, 0, count, step.keep,
      Optimizer::prepare(step.learning_rate, step.step, ops::params_of<Optimizer>(step.params)));
}

using UpdateKernel = void (*)(float*, const float*, float* const*, int, const cpu::OptimizerStep&);
constexpr UpdateKernel kUpdates[] = {
#define NEURODE_ROW(name, Functor, ...) update_all<ops::Functor>,
    NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void update(float* weights, const float* gradient, float* const* slots, int count,
                   const cpu::OptimizerStep& step) {
  kUpdates[step.row](weights, gradient, slots, count, step);
}

// Lines lie anywhere in a table: some are asked for ahead.
constexpr int kLinesAhead = 8;

template <class Optimizer>
void update_lines_by(float* weights, const float* gradient, float* const* slots,
                     const std::int32_t* lines, int count, std::int64_t stride,
                     const cpu::OptimizerStep& step) {
  const auto scalars =
      Optimizer::prepare(step.learning_rate, step.step, ops::params_of<Optimizer>(step.params));
  for (int i = 0; i < count; ++i) {
    if (i + kLinesAhead < count) {
      const std::int64_t ahead = lines[i + kLinesAhead] * stride;
      __builtin_prefetch(weights + ahead, 1);
      for (int s = 0; s < Optimizer::kSlots; ++s) __builtin_prefetch(slots[s] + ahead, 1);
    }
    update_run<Optimizer>(weights, gradient + i * stride, slots, lines[i] * stride,
                          static_cast<int>(stride), step.keep, scalars);
  }
}

using UpdateLinesKernel = void (*)(float*, const float*, float* const*, const std::int32_t*, int,
                                   std::int64_t, const cpu::OptimizerStep&);
template <class Optimizer>
constexpr UpdateLinesKernel line_update() {
  if constexpr (Optimizer::kStill || std::is_same_v<Optimizer, ops::Adam>)
    return update_lines_by<Optimizer>;
  else
    return nullptr;
}
// Null where all lines change in every step.
constexpr UpdateLinesKernel kLineUpdates[] = {
#define NEURODE_ROW(name, Functor, ...) line_update<ops::Functor>(),
    NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
};

inline void update_lines(float* weights, const float* gradient, float* const* slots,
                         const std::int32_t* lines, int count, std::int64_t stride,
                         const cpu::OptimizerStep& step) {
  kLineUpdates[step.row](weights, gradient, slots, lines, count, stride, step);
}

inline void scale(float* x, float factor, int count) {
  for (int i = 0; i < count; i += kLanes) store(x + i, load(x + i) * factor);
}

// NaN stays NaN.
inline void clip(float* x, float limit, int count) {
  const Vec high = broadcast(limit), low = broadcast(-limit);
  for (int i = 0; i < count; i += kLanes) {
    const Vec value = load(x + i);
    const Vec below = ops::select<Vec>(value > high, high, value);
    store(x + i, ops::select<Vec>(below < low, low, below));
  }
}

inline double sum_of_squares(const float* x, int count) {
  Vec sum = {};
  for (int i = 0; i < count; i += kLanes) sum += load(x + i) * load(x + i);
  double all = 0;
  for (int lane = 0; lane < kLanes; ++lane) all += static_cast<double>(sum[lane]);
  return all;
}

}  // namespace neurode::NEURODE_ISA_NAMESPACE
