// Prints values of one row of the op table, for the test that follows docs/add-an-op.md:
// row_values activation|loss|optimizer NAME NUMBERS...
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "native/engine/plan.h"
#include "native/ops/activations.h"
#include "native/ops/losses.h"
#include "native/ops/optimizers.h"

namespace ops = neurode::NEURODE_ISA_NAMESPACE::ops;

namespace {

struct Row {
  const float* values;
  float operator()(int i) const { return values[i]; }
};

// Prints x, y and dy/dx in each line.
template <class Activation>
void print_activation(const float* numbers) {
  const auto& p = ops::params_of<Activation>(numbers);
  for (float x = -3; x <= 3; x += 0.375f) {
    const float y = Activation::template forward<float>(x, p);
    std::printf("%.9g %.9g %.9g\n", x, y, Activation::template derivative<float>(x, y, p));
  }
}

// Prints the loss of three outputs and its gradient, for several outputs and the same targets.
template <class Loss>
void print_loss(const float* numbers) {
  const auto& p = ops::params_of<Loss>(numbers);
  const float t[3] = {0.5f, -1.25f, 2.0f};
  for (float first = -2; first <= 2; first += 0.625f) {
    const float y[3] = {first, 0.25f, 1.5f};
    float gradient[3] = {};
    const float loss = Loss::template row<float>(3, Row{y}, Row{t}, p,
                                                 [&](int i, float slope) { gradient[i] = slope; });
    std::printf("%.9g %.9g %.9g %.9g %.9g\n", first, loss, gradient[0], gradient[1], gradient[2]);
  }
}

// Prints a gradient and the weight after its step in each line, for a learning rate of 0.125.
template <class Optimizer>
void print_optimizer(const float* numbers) {
  const auto& p = ops::params_of<Optimizer>(numbers);
  float w = 0.75f, slots[Optimizer::kSlots + 1] = {};
  for (int step = 0; step < 8; ++step) {
    const float g = step % 3 == 0 ? -0.5f : 0.25f;
    const auto scalars = Optimizer::prepare(0.125f, step, p);
    w = Optimizer::template update<float>(w, g, slots, scalars);
    std::printf("%.9g %.9g\n", g, w);
  }
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 3) return 2;
  float numbers[neurode::kMostParams] = {};
  for (int i = 3; i < count && i < 3 + neurode::kMostParams; ++i)
    numbers[i - 3] = std::strtof(arguments[i], nullptr);
  const auto is = [&](const char* kind, const char* name) {
    return std::strcmp(arguments[1], kind) == 0 && std::strcmp(arguments[2], name) == 0;
  };
#define NEURODE_ROW(name, Functor, ...) \
  if (is("activation", #name)) return print_activation<ops::Functor>(numbers), 0;
  NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(name, Functor, ...) \
  if (is("loss", #name)) return print_loss<ops::Functor>(numbers), 0;
  NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW
#define NEURODE_ROW(name, Functor, ...) \
  if (is("optimizer", #name)) return print_optimizer<ops::Functor>(numbers), 0;
  NEURODE_OPTIMIZERS(NEURODE_ROW)
#undef NEURODE_ROW
  return 1;
}
