// Pooling makes one value of the values of all positions: on the lines of a panel, or on one row.
// Its gradient goes back to the positions by their shares.
#include "native/cpu/pooling.h"

#include "native/ops/pooling.h"

namespace neurode::cpu {
namespace {

namespace ops = NEURODE_ISA_NAMESPACE::ops;

constexpr int kMostLanes = 64;

// Calls apply(functor) with the functor of a row of the op table.
template <class Apply>
void with_pooling(int row, Apply apply) {
  int index = 0;
#define NEURODE_ROW(name, Functor) \
  if (row == index++) return apply(ops::Functor{});
  NEURODE_POOLINGS(NEURODE_ROW)
#undef NEURODE_ROW
}

}  // namespace

void pool(const Op& op, const Pooled& shape, const float* x, float* y) {
  const auto [positions, channels, line, lanes] = shape;
  with_pooling(op.row, [&](auto function) {
    using Function = decltype(function);
    for (int channel = 0; channel < channels; ++channel) {
      float* const out = y + std::int64_t{channel} * line;
      std::copy_n(x + std::int64_t{channel} * line, lanes, out);
      for (int position = 1; position < positions; ++position) {
        const float* const in = x + (std::int64_t{position} * channels + channel) * line;
        for (int i = 0; i < lanes; ++i) out[i] = Function::template combine<float>(out[i], in[i]);
      }
      const float count = static_cast<float>(positions);
      for (int i = 0; i < lanes; ++i) out[i] = Function::template finish<float>(out[i], count);
    }
  });
}

void pool_backward(const Op& op, const Pooled& shape, const float* x, const float* y,
                   const float* gradient, float* input_gradient) {
  const auto [positions, channels, line, lanes] = shape;
  with_pooling(op.row, [&](auto function) {
    using Function = decltype(function);
    for (int channel = 0; channel < channels; ++channel) {
      const std::int64_t at = std::int64_t{channel} * line;
      float part[kMostLanes] = {};
      const auto place = [&](int position) {
        return (std::int64_t{position} * channels) * line + at;
      };
      for (int position = 0; position < positions; ++position) {
        for (int i = 0; i < lanes; ++i)
          part[i] += Function::template share<float>(x[place(position) + i], y[at + i]);
      }
      for (int i = 0; i < lanes; ++i) part[i] = gradient[at + i] / part[i];
      for (int position = 0; position < positions; ++position) {
        for (int i = 0; i < lanes; ++i) {
          input_gradient[place(position) + i] =
              part[i] * Function::template share<float>(x[place(position) + i], y[at + i]);
        }
      }
    }
  });
}

}  // namespace neurode::cpu
