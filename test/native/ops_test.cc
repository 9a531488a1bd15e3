// Compares the functors of native/ops with double: values and derivatives. Also checks that every
// vector lane has the same bits as a float.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "native/ops/activations.h"
#include "native/ops/losses.h"
#include "native/ops/metrics.h"
#include "native/ops/optimizers.h"
#include "native/ops/rows.h"
#include "test/native/check.h"
#include "test/native/ops_reference.h"
#include "test/native/vectors.h"

namespace neurode {
namespace {

// Special values, random values of moderate size, and random bit patterns. Their number is a
// multiple of kLanes.
const Floats& points() {
  static const Floats values = [] {
    Floats x = {0.0f,        1e-40f,      1.17549435e-38f,
                1e-30f,      1e-8f,       1e-4f,
                0.5f,        0.9275f,     1.0f,
                1.41421354f, 3.0f,        6.0f,
                20.0f,       80.0f,       87.336f,
                88.7228317f, 88.73f,      100.0f,
                1e4f,        16777216.0f, 1e18f,
                3.4e38f,     kInf,        kNaN};
    for (std::size_t i = 0, n = x.size(); i < n; ++i) x.push_back(-x[i]);
    for (int i = 0; i < 40000; ++i) x.push_back(random_in(-10, 10));
    for (int i = 0; i < 10000; ++i) x.push_back(random_in(-1.5f, 1.5f));
    for (int i = 0; i < 10000; ++i) x.push_back(random_in(-90, 90));
    for (int i = 0; i < 20000; ++i) {
      const std::uint32_t pattern = generator()();
      float value;
      std::memcpy(&value, &pattern, sizeof value);
      x.push_back(value);
    }
    while (x.size() % kLanes != 0) x.push_back(1);
    return x;
  }();
  return values;
}

// Applies f to the points as floats and as vectors, and checks that both results agree. f takes a
// float or a Vec.
template <class F>
Floats map_points(const char* name, F f) {
  const Floats& x = points();
  Floats y(x.size());
  for (std::size_t i = 0; i < x.size(); i += kLanes) {
    Vec v;
    std::memcpy(&v, &x[i], sizeof v);
    v = f(v);
    std::memcpy(&y[i], &v, sizeof v);
    for (std::size_t j = i; j < i + kLanes; ++j) {
      const float one = f(x[j]);
      CHECK_THAT(same_bits(one, y[j]), "%s(%.9g): %.9g alone, %.9g in a vector", name, x[j], one,
                 y[j]);
    }
  }
  return y;
}

template <class F>
void check_function(const char* name, double relative, double (*reference)(double), F f) {
  const Floats y = map_points(name, f);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const float x = points()[i];
    const double expected = reference(x);
    const bool flushed = std::fabs(x) < kMinNormal && near(y[i], reference(0), relative);
    CHECK_THAT(flushed || near(y[i], expected, relative), "%s(%.9g): expected %.9g, got %.9g", name,
               x, expected, y[i]);
  }
}

TEST_CASE("functions are near those of double") {
#define NEURODE_CHECK_FUNCTION(name, relative, reference) \
  check_function(#name, relative, reference, [](auto x) { return ops::name(x); })
  NEURODE_CHECK_FUNCTION(exp, 1e-7, [](double x) { return std::exp(x); });
  NEURODE_CHECK_FUNCTION(expm1, 1.3e-7, [](double x) { return std::expm1(x); });
  NEURODE_CHECK_FUNCTION(log, 1e-7, [](double x) { return std::log(x); });
  NEURODE_CHECK_FUNCTION(log1p, 1.3e-7, [](double x) { return std::log1p(x); });
  NEURODE_CHECK_FUNCTION(tanh, 2e-7, [](double x) { return std::tanh(x); });
  NEURODE_CHECK_FUNCTION(sigmoid, 2e-7, reference::sigmoid);
  NEURODE_CHECK_FUNCTION(erf, 2e-7, [](double x) { return std::erf(x); });
  NEURODE_CHECK_FUNCTION(softplus, 2e-7, reference::softplus);
  NEURODE_CHECK_FUNCTION(sqrt, 6e-8, [](double x) { return std::sqrt(x); });
  NEURODE_CHECK_FUNCTION(abs, 0, [](double x) { return std::fabs(x); });
#undef NEURODE_CHECK_FUNCTION
  CHECK((std::isnan(ops::max(kNaN, 0.0f)) && std::isnan(ops::min(kNaN, 0.0f))));
  CHECK((ops::exp(kInf) == kInf && ops::exp(-kInf) == 0 && ops::tanh(kInf) == 1 &&
         ops::tanh(-kInf) == -1));
  CHECK((std::signbit(ops::tanh(-0.0f)) && std::signbit(ops::erf(-0.0f))));
}

// The central difference of the double reference; NaN where the derivative jumps.
double slope_at(const reference::Activation& row, double z, const reference::Params& p) {
  const double h = 1e-5;
  const double left = (row.f(z, p) - row.f(z - h, p)) / h;
  const double right = (row.f(z + h, p) - row.f(z, p)) / h;
  if (std::fabs(left - right) > 3e-5 * std::max(1.0, std::fabs(row.f(z, p)))) return kNaN;
  return (left + right) / 2;
}

template <class Functor>
void check_activation(const char* name) {
  const reference::Activation* row = nullptr;
  for (const reference::Activation& each : reference::activations()) {
    if (std::string(name) == each.name) row = &each;
  }
  CHECK_THAT(row != nullptr, "%s has no reference", name);
  if (row == nullptr) return;
  for (const reference::Params& params : row->settings) {
    const auto& p = ops::params_of<Functor>(params.data());
    const Floats y = map_points(name, [&](auto z) { return Functor::forward(z, p); });
    const Floats d = map_points(name, [&](auto z) {
      const auto unused = ops::splat<decltype(z)>(kNaN);
      return Functor::derivative(Functor::kFromOutput ? unused : z, Functor::forward(z, p), p);
    });
    for (std::size_t i = 0; i < y.size(); ++i) {
      const float z = points()[i];
      if (!std::isfinite(z)) continue;
      const double expected = row->f(z, params);
      CHECK_THAT(near(y[i], expected, 1e-6, 2e-7), "%s(%.9g): expected %.9g, got %.9g", name, z,
                 expected, y[i]);
      if (std::fabs(z) > 1e3) continue;
      const double slope = slope_at(*row, z, params);
      if (std::isnan(slope)) continue;
      CHECK_THAT(near(d[i], slope, 2e-5, 2e-6), "%s'(%.9g): expected %.9g, got %.9g", name, z,
                 slope, d[i]);
    }
    const bool shrinks =
        std::string(name).find("Shrink") != std::string::npos && std::string(name) != "tanhShrink";
    if (std::string(name) != "threshold") CHECK(std::isnan(Functor::forward(kNaN, p)) != shrinks);
  }
}

// A panel of kLanes rows, feature-major: feature i of a lane is at i * kLanes + lane.
struct Panel {
  int features;
  Floats values = Floats(static_cast<std::size_t>(features) * kLanes);
  float& at(int feature, int lane) {
    return values[static_cast<std::size_t>(feature * kLanes + lane)];
  }
  ops::Features<Vec> lanes() { return {values.data(), kLanes}; }
  ops::Features<float> lane(int lane) { return {values.data() + lane, kLanes}; }
  reference::Row row(int lane) {
    reference::Row row;
    for (int i = 0; i < features; ++i) row.push_back(at(i, lane));
    return row;
  }
};

Panel random_panel(int features, float low, float high) {
  Panel panel{features};
  for (float& v : panel.values) v = random_in(low, high);
  return panel;
}

// Checks f(z) of rows, and compares the gradient for random dy with central differences.
template <class Functor>
void check_rowwise(bool log) {
  const auto f = [log](const reference::Row& z, std::size_t i) {
    const double y = z[i] - reference::log_sum_exp(z);
    return log ? y : std::exp(y);
  };
  for (const int n : {1, 2, 10, 37}) {
    for (const float size : {1.0f, 30.0f, 1e4f}) {
      Panel z = random_panel(n, -size, size), dy = random_panel(n, -1, 1), y{n}, dz{n}, alone = z,
            in_place = dy;
      Functor::template forward<Vec>(n, z.lanes(), y.lanes(), {});
      Functor::template backward<Vec>(n, z.lanes(), y.lanes(), dy.lanes(), dz.lanes(), {});
      for (int lane = 0; lane < kLanes; ++lane) {
        Functor::template forward<float>(n, alone.lane(lane), alone.lane(lane), {});
        Functor::template backward<float>(n, z.lane(lane), y.lane(lane), in_place.lane(lane),
                                          in_place.lane(lane), {});
        const reference::Row row = z.row(lane);
        for (int i = 0; i < n; ++i) {
          const double expected = f(row, static_cast<std::size_t>(i));
          CHECK(near(y.at(i, lane), expected, 1e-6, 1e-6));
          if (size > 1) continue;
          double slope = 0;
          for (const double step : {1e-5, -1e-5}) {
            reference::Row moved = row;
            moved[static_cast<std::size_t>(i)] += step;
            for (int j = 0; j < n; ++j)
              slope += dy.at(j, lane) * f(moved, static_cast<std::size_t>(j)) / (2 * step);
          }
          CHECK(near(dz.at(i, lane), slope, 1e-5, 2e-6));
        }
      }
      CHECK(std::memcmp(alone.values.data(), y.values.data(), y.values.size() * 4) == 0);
      CHECK(std::memcmp(in_place.values.data(), dz.values.data(), dz.values.size() * 4) == 0);
    }
  }
}

Panel one_hot(int features) {
  Panel panel{features};
  for (int lane = 0; lane < kLanes; ++lane)
    panel.at(static_cast<int>(generator()() % features), lane) = 1;
  return panel;
}

// Checks values and gradients of a loss: the same bits in vectors and in floats, and the
// reference's values if the reference has this loss.
template <class Functor>
void check_loss(const char* name, bool logits, float smoothing, Panel y, Panel target,
                bool gradients) {
  const bool known = reference::knows_loss(name);
  const float p[] = {logits ? 1.0f : known ? 0.0f : 0.5f, smoothing, 0.375f, 1.5f};
  const int n = y.features;
  Panel gradient{n}, alone = y;
  const Vec values = Functor::template row<Vec>(n, y.lanes(), target.lanes(),
                                                ops::params_of<Functor>(p), gradient.lanes());
  const Vec again = Functor::template row<Vec>(n, y.lanes(), target.lanes(),
                                               ops::params_of<Functor>(p), ops::NoGradient{});
  for (int lane = 0; lane < kLanes; ++lane) {
    const reference::Row row = y.row(lane), truth = target.row(lane);
    if (known) {
      const double expected = reference::loss(name, logits, smoothing, row, truth);
      CHECK_THAT(near(values[lane], expected, 2e-6, 1e-6), "%s of %d: expected %.9g, got %.9g",
                 name, n, expected, static_cast<double>(values[lane]));
    }
    CHECK(same_bits(values[lane], again[lane]));
    // The gradient may overwrite the prediction.
    const float value = Functor::template row<float>(n, alone.lane(lane), target.lane(lane),
                                                     ops::params_of<Functor>(p), alone.lane(lane));
    CHECK_THAT(same_bits(value, values[lane]), "%s of %d: %.9g alone, %.9g in a vector", name, n,
               static_cast<double>(value), static_cast<double>(values[lane]));
    for (int i = 0; known && gradients && i < n; ++i) {
      double slope = 0;
      for (const double step : {1e-6, -1e-6}) {
        reference::Row moved = row;
        moved[static_cast<std::size_t>(i)] += step;
        slope += reference::loss(name, logits, smoothing, moved, truth) / (2 * step);
      }
      CHECK_THAT(near(gradient.at(i, lane), slope, 2e-5, 2e-6),
                 "%s of %d: expected slope %.9g, got %.9g", name, n, slope, gradient.at(i, lane));
    }
  }
  CHECK(std::memcmp(alone.values.data(), gradient.values.data(), gradient.values.size() * 4) == 0);
}

template <class Probabilities, class Logits>
void check_loss_row(const char* name) {
  constexpr bool has_logits = !std::is_same_v<Probabilities, Logits>;
  const bool categorical = std::string(name).find("ategorical") != std::string::npos;
  for (const int n : {1, 2, 3, 10}) {
    for (const float smoothing : {0.0f, 0.125f}) {
      if (smoothing != 0 && (!has_logits || std::string(name).starts_with("sparse"))) continue;
      Panel target = categorical ? one_hot(n) : random_panel(n, 0, 1);
      check_loss<Probabilities>(name, false, smoothing, random_panel(n, 0.05f, 0.95f), target,
                                true);
      if (!has_logits) continue;
      check_loss<Logits>(name, true, smoothing, random_panel(n, -5, 5), target, true);
      check_loss<Logits>(name, true, smoothing, random_panel(n, -1e4f, 1e4f), target, false);
    }
  }
  if (!has_logits || !reference::knows_loss(name)) return;
  Panel sure{2},
      target{2};  // right and wrong probabilities of exactly 0 and 1: clipped, no gradient
  for (int lane = 0; lane < kLanes; ++lane)
    sure.at(lane / 2 % 2, lane) = target.at(lane % 2, lane) = 1;
  check_loss<Probabilities>(name, false, 0, sure, target, false);
  Panel gradient{2};
  const float p[] = {0, 0};
  Probabilities::template row<Vec>(2, sure.lanes(), target.lanes(),
                                   ops::params_of<Probabilities>(p), gradient.lanes());
  for (const float g : gradient.values) CHECK(g == 0);
}

TEST_CASE("metrics of rows") {
  Panel y{3}, target{3};
  const float rows[4][6] = {{0.2f, 0.5f, 0.3f, 0, 1, 0},
                            {0.4f, 0.4f, 0.2f, 0, 1, 0},
                            {0.4f, 0.4f, 0.2f, 1, 0, 0},
                            {0.9f, 0.8f, 0.1f, 1, 1, 0}};
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 6; ++i) (i < 3 ? y : target).at(i % 3, lane) = rows[lane % 4][i];
  }
  const ops::BinaryAccuracy::Params threshold{0.5f};
  const Vec categorical = ops::CategoricalAccuracy::row<Vec>(3, y.lanes(), target.lanes(), {});
  const Vec binary = ops::BinaryAccuracy::row<Vec>(3, y.lanes(), target.lanes(), threshold);
  const float expected_categorical[] = {1, 0, 1, 1};
  const double expected_binary[] = {2.0 / 3, 2.0 / 3, 2.0 / 3, 1};  // 0.5 is not above 0.5
  for (int lane = 0; lane < kLanes; ++lane) {
    CHECK(categorical[lane] == expected_categorical[lane % 4]);
    CHECK(near(binary[lane], expected_binary[lane % 4], 1e-7));
    CHECK(categorical[lane] ==
          ops::CategoricalAccuracy::row<float>(3, y.lane(lane), target.lane(lane), {}));
    CHECK(binary[lane] ==
          ops::BinaryAccuracy::row<float>(3, y.lane(lane), target.lane(lane), threshold));
  }
  using Squared = ops::LossAsMetric<ops::MeanSquaredError>;
  CHECK(
      near(Squared::row<float>(3, y.lane(0), target.lane(0), {}), (0.04 + 0.25 + 0.09) / 3, 1e-6));
}

TEST_CASE("optimizers step by step") {
  const auto scalars = ops::Sgd::prepare(0.1f, 0, {});
  CHECK(near(ops::Sgd::update<float>(1, 2, nullptr, scalars), 0.8, 1e-7));
  for (const float nesterov : {0.0f, 1.0f}) {
    const ops::Momentum::Params p{0.9f, nesterov};
    float w = 1, slot = 0;
    Vec wide = ops::splat<Vec>(1), wide_slot = {};
    double expected = 1, m = 0;
    for (int step = 0; step < 5; ++step) {
      const float g = 0.5f + static_cast<float>(step);
      const auto momentum = ops::Momentum::prepare(0.1f, step, p);
      w = ops::Momentum::update(w, g, &slot, momentum);
      wide = ops::Momentum::update(wide, ops::splat<Vec>(g), &wide_slot, momentum);
      m = 0.9 * m - 0.1 * g;
      expected += nesterov != 0 ? 0.9 * m - 0.1 * g : m;
    }
    CHECK((near(w, expected, 1e-6) && near(slot, m, 1e-6)));
    CHECK((same_bits(w, wide[7]) && same_bits(slot, wide_slot[7])));
  }
  CHECK(near(ops::weight_decay_factor(0.5f, 0.1f), 0.95, 1e-7));
}

TEST_CASE("activations are near those of double") {
#define NEURODE_ROW(name, Functor, ...) check_activation<ops::Functor>(#name);
  NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
}

TEST_CASE("softmax of rows") {
  check_rowwise<ops::Softmax>(false);
  check_rowwise<ops::LogSoftmax>(true);
}

TEST_CASE("losses are near those of double") {
#define NEURODE_ROW(name, Probabilities, Logits, ...) \
  check_loss_row<ops::Probabilities, ops::Logits>(#name);
  NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW
}

}  // namespace
}  // namespace neurode
