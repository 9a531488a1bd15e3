// Kernels that pool over the positions of a row.
#include "cuda/kernels/elements.h"
#include "cuda/kernels/functors.h"
#include "cuda/kernels/pooling.h"
#include "native/ops/pooling.h"

namespace neurode::cuda {
namespace {

// Calls apply(functor) with the functor of the pooling in row `which` of the op table.
template <class Apply>
NEURODE_DEVICE void with_pooling(int which, Apply apply) {
  switch (which) {
#define NEURODE_ROW(name, Functor) \
  case row::pooling::name:         \
    return apply(ops::Functor{});
    NEURODE_POOLINGS(NEURODE_ROW)
#undef NEURODE_ROW
  }
}

struct Pooled {
  PoolingRecord r;

  __host__ __device__ int features() const { return r.features; }

  NEURODE_DEVICE void run(int row, int feature) const {
    float value = r.input.at(row, feature);
    with_pooling(r.op.row, [&](auto function) {
      for (int k = 1; k < r.positions; ++k)
        value = decltype(function)::template combine<float>(
            value, r.input.at(row, k * r.features + feature));
      value = decltype(function)::template finish<float>(value, static_cast<float>(r.positions));
    });
    r.output.at(row, feature) = value;
  }
};

// One thread writes the gradients of its feature at all positions.
struct PooledBackward {
  PoolingRecord r;

  __host__ __device__ int features() const { return r.features; }

  NEURODE_DEVICE void run(int row, int feature) const {
    const float y = r.output.at(row, feature);
    with_pooling(r.op.row, [&](auto function) {
      const auto share = [&](int k) {
        return decltype(function)::template share<float>(r.input.at(row, k * r.features + feature),
                                                         y);
      };
      float shares = 0;
      for (int k = 0; k < r.positions; ++k) shares += share(k);
      const float part = r.gradient.at(row, feature) / shares;
      for (int k = 0; k < r.positions; ++k)
        r.input_gradient.at(row, k * r.features + feature) = part * share(k);
    });
  }
};

}  // namespace

void pool(Launcher& launcher, const PoolingRecord& record, const StepRecord& step) {
  run_elements_of(launcher, Pooled{record}, step.rows);
}

void pool_backward(Launcher& launcher, const PoolingRecord& record, const StepRecord& step) {
  run_elements_of(launcher, PooledBackward{record}, step.rows);
}

}  // namespace neurode::cuda
