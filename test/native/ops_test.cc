// The functors of native/ops against double: values, derivatives, and the same bits in every lane
// as for a float. Philox' known answers; the initializers' statistics.
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <random>
#include <string>
#include <vector>

#include "native/engine/initializers.h"
#include "native/ops/activations.h"
#include "native/ops/losses.h"
#include "native/ops/metrics.h"
#include "native/ops/optimizers.h"
#include "native/ops/random.h"
#include "native/ops/rows.h"
#include "test/native/check.h"
#include "test/native/ops_reference.h"

namespace neurode {
namespace {

namespace ops = NEURODE_ISA_NAMESPACE::ops;
using Floats = std::vector<float>;

constexpr int kLanes = 16;
typedef float Vec __attribute__((vector_size(4 * kLanes)));
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr double kMinNormal = std::numeric_limits<float>::min();
constexpr double kMax = std::numeric_limits<float>::max();

std::mt19937& generator() {
  static std::mt19937 instance(20261121);
  return instance;
}
float random_in(float low, float high) {
  return std::uniform_real_distribution<float>(low, high)(generator());
}

bool same_bits(float a, float b) {
  return std::memcmp(&a, &b, sizeof a) == 0 || (std::isnan(a) && std::isnan(b));
}

// Special values, random ones of moderate size, random bit patterns. A multiple of kLanes.
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

bool near(double got, double expected, double relative, double absolute = 0) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::fabs(expected) > kMax * (1 - 1e-6)) {
    return std::fabs(got) >= kMax * (1 - 1e-5) && std::signbit(got) == std::signbit(expected);
  }
  return std::fabs(got - expected) <= relative * std::fabs(expected) + absolute + kMinNormal;
}

// Applies f, which takes a float or a Vec, to the points lane by lane, checks that both agree.
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

void math_functions() {
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
  CHECK(std::isnan(ops::max(kNaN, 0.0f)) && std::isnan(ops::min(kNaN, 0.0f)));
  CHECK(ops::exp(kInf) == kInf && ops::exp(-kInf) == 0 && ops::tanh(kInf) == 1 &&
        ops::tanh(-kInf) == -1);
  CHECK(std::signbit(ops::tanh(-0.0f)) && std::signbit(ops::erf(-0.0f)));
}

// Central difference of the double reference; NaN where the slope jumps.
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
    const float* p = params.data();
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

// A panel of kLanes rows, feature-major: lane of feature i is at i * kLanes + lane.
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

// f(z) of a row, its gradient for a cotangent by central differences.
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
      Functor::template forward<Vec>(n, z.lanes(), y.lanes(), nullptr);
      Functor::template backward<Vec>(n, z.lanes(), y.lanes(), dy.lanes(), dz.lanes(), nullptr);
      for (int lane = 0; lane < kLanes; ++lane) {
        Functor::template forward<float>(n, alone.lane(lane), alone.lane(lane), nullptr);
        Functor::template backward<float>(n, z.lane(lane), y.lane(lane), in_place.lane(lane),
                                          in_place.lane(lane), nullptr);
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

// Values and gradients of a loss: the same bits in vectors and alone, and what the reference says
// where it knows the loss.
template <class Functor>
void check_loss(const char* name, bool logits, float smoothing, Panel y, Panel target,
                bool gradients) {
  const bool known = reference::knows_loss(name);
  const float p[] = {logits ? 1.0f : known ? 0.0f : 0.5f, smoothing, 0.375f, 1.5f};
  const int n = y.features;
  Panel gradient{n}, alone = y;
  const Vec values = Functor::template row<Vec>(n, y.lanes(), target.lanes(), p, gradient.lanes());
  const Vec again = Functor::template row<Vec>(n, y.lanes(), target.lanes(), p, ops::NoGradient{});
  for (int lane = 0; lane < kLanes; ++lane) {
    const reference::Row row = y.row(lane), truth = target.row(lane);
    if (known) {
      const double expected = reference::loss(name, logits, smoothing, row, truth);
      CHECK_THAT(near(values[lane], expected, 2e-6, 1e-6), "%s of %d: expected %.9g, got %.9g",
                 name, n, expected, static_cast<double>(values[lane]));
    }
    CHECK(same_bits(values[lane], again[lane]));
    // The gradient may take the place of the prediction.
    const float value =
        Functor::template row<float>(n, alone.lane(lane), target.lane(lane), p, alone.lane(lane));
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
      target{2};  // probabilities of exactly 0 and 1, right and wrong: clipped, no gradient
  for (int lane = 0; lane < kLanes; ++lane)
    sure.at(lane / 2 % 2, lane) = target.at(lane % 2, lane) = 1;
  check_loss<Probabilities>(name, false, 0, sure, target, false);
  Panel gradient{2};
  const float p[] = {0, 0};
  Probabilities::template row<Vec>(2, sure.lanes(), target.lanes(), p, gradient.lanes());
  for (const float g : gradient.values) CHECK(g == 0);
}

void metrics() {
  Panel y{3}, target{3};
  const float rows[4][6] = {{0.2f, 0.5f, 0.3f, 0, 1, 0},
                            {0.4f, 0.4f, 0.2f, 0, 1, 0},
                            {0.4f, 0.4f, 0.2f, 1, 0, 0},
                            {0.9f, 0.8f, 0.1f, 1, 1, 0}};
  for (int lane = 0; lane < kLanes; ++lane) {
    for (int i = 0; i < 6; ++i) (i < 3 ? y : target).at(i % 3, lane) = rows[lane % 4][i];
  }
  const float threshold = 0.5f;
  const Vec categorical = ops::CategoricalAccuracy::row<Vec>(3, y.lanes(), target.lanes(), nullptr);
  const Vec binary = ops::BinaryAccuracy::row<Vec>(3, y.lanes(), target.lanes(), &threshold);
  const float expected_categorical[] = {1, 0, 1, 1};
  const double expected_binary[] = {2.0 / 3, 2.0 / 3, 2.0 / 3, 1};  // 0.5 is not above 0.5
  for (int lane = 0; lane < kLanes; ++lane) {
    CHECK(categorical[lane] == expected_categorical[lane % 4]);
    CHECK(near(binary[lane], expected_binary[lane % 4], 1e-7));
    CHECK(categorical[lane] ==
          ops::CategoricalAccuracy::row<float>(3, y.lane(lane), target.lane(lane), nullptr));
    CHECK(binary[lane] ==
          ops::BinaryAccuracy::row<float>(3, y.lane(lane), target.lane(lane), &threshold));
  }
  using Squared = ops::LossAsMetric<ops::MeanSquaredError>;
  CHECK(near(Squared::row<float>(3, y.lane(0), target.lane(0), nullptr), (0.04 + 0.25 + 0.09) / 3,
             1e-6));
}

void optimizers() {
  const auto scalars = ops::Sgd::prepare(0.1f, 0, nullptr);
  CHECK(near(ops::Sgd::update<float>(1, 2, nullptr, scalars), 0.8, 1e-7));
  for (const float nesterov : {0.0f, 1.0f}) {
    const float p[] = {0.9f, nesterov};
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
    CHECK(near(w, expected, 1e-6) && near(slot, m, 1e-6));
    CHECK(same_bits(w, wide[7]) && same_bits(slot, wide_slot[7]));
  }
  CHECK(near(ops::weight_decay_factor(0.5f, 0.1f), 0.95, 1e-7));
}

// Known answers published with the reference implementation of Philox4x32-10.
void philox_known_answers() {
  const std::uint32_t cases[][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1}};
  using Wide = ops::UintOf<Vec>;
  for (const auto& c : cases) {
    const auto block = ops::philox<std::uint32_t>(c[0], c[1], c[2], c[3], {c[4], c[5]});
    const Wide zero = {};
    const auto wide =
        ops::philox<Wide>(zero + c[0], zero + c[1], zero + c[2], zero + c[3], {c[4], c[5]});
    for (int i = 0; i < 4; ++i) {
      CHECK(block.words[i] == c[6 + i]);
      for (int lane = 0; lane < kLanes; ++lane) CHECK(wide.words[i][lane] == c[6 + i]);
    }
  }
  CHECK(ops::uniform01<float>(0) == 0 && ops::uniform01<float>(~0u) < 1);
  CHECK(ops::bounded(~0u, ~0u, 7) == 6 && ops::bounded(0, ~0u, ~0u) == 0 &&
        ops::bounded(1u << 31, 0, 10) == 5);
}

struct Statistics {
  double mean = 0, deviation = 0, low = 0, high = 0;
};

Statistics statistics_of(const Initializer& initializer, int rows, int cols) {
  Floats x(static_cast<std::size_t>(rows) * cols), start(13);
  initialize(initializer, rows, cols, x.data());
  if (initializer.kind != Initializer::Kind::orthogonal) {
    initialize(initializer, 13, 1,
               start.data());  // an element depends on the seed and its place alone
    CHECK(std::memcmp(start.data(), x.data(), 13 * sizeof(float)) == 0);
  }
  Statistics s{0, 0, x[0], x[0]};
  for (const double v : x) {
    s.mean += v / x.size();
    s.deviation += v * v / x.size();
    s.low = std::min(s.low, v);
    s.high = std::max(s.high, v);
  }
  s.deviation = std::sqrt(s.deviation - s.mean * s.mean);
  return s;
}

void initializers() {
  using Kind = Initializer::Kind;
  const Statistics uniform = statistics_of({Kind::uniform, {-1, 3}, 5}, 300, 200);
  CHECK(near(uniform.mean, 1, 0.02) && near(uniform.deviation, 4 / std::sqrt(12), 0.01));
  CHECK(uniform.low >= -1 && uniform.low < -0.99 && uniform.high < 3 && uniform.high > 2.99);
  const Statistics normal = statistics_of({Kind::normal, {1, 2}, 6}, 300, 200);
  CHECK(near(normal.mean, 1, 0.04) && near(normal.deviation, 2, 0.01) && normal.high > 8 &&
        normal.low < -6);
  const Statistics truncated = statistics_of({Kind::truncated_normal, {0, 1}, 7}, 300, 200);
  CHECK(near(truncated.mean, 0, 0, 0.02) && near(truncated.deviation, 0.8796, 0.01));
  CHECK(truncated.low >= -2 && truncated.low < -1.99 && truncated.high <= 2 &&
        truncated.high > 1.99);
  const Statistics constant = statistics_of({Kind::constant, {0.25f, 0}, 0}, 5, 7);
  CHECK(constant.low == 0.25 && constant.high == 0.25);

  const int shapes[][2] = {{1, 1}, {1, 9}, {7, 3}, {40, 40}, {33, 70}, {70, 33}};
  for (const auto& shape : shapes) {
    const int rows = shape[0], cols = shape[1], count = std::min(rows, cols),
              length = std::max(rows, cols);
    Floats q(static_cast<std::size_t>(rows) * cols);
    initialize({Kind::orthogonal, {2, 0}, 8}, rows, cols, q.data());
    for (int a = 0; a < count; ++a) {
      for (int b = 0; b <= a; ++b) {
        double dot = 0;
        for (int i = 0; i < length; ++i) {
          dot +=
              rows >= cols ? q[i * cols + a] * q[i * cols + b] : q[a * cols + i] * q[b * cols + i];
        }
        CHECK(near(dot, a == b ? 4 : 0, 0, 4e-6));
      }
    }
  }
}

}  // namespace
}  // namespace neurode

int main() {
  using namespace neurode;
  math_functions();
#define NEURODE_ROW(name, Functor, ...) check_activation<ops::Functor>(#name);
  NEURODE_POINTWISE_ACTIVATIONS(NEURODE_ROW)
#undef NEURODE_ROW
  check_rowwise<ops::Softmax>(false);
  check_rowwise<ops::LogSoftmax>(true);
#define NEURODE_ROW(name, Probabilities, Logits, ...) \
  check_loss_row<ops::Probabilities, ops::Logits>(#name);
  NEURODE_LOSSES(NEURODE_ROW)
#undef NEURODE_ROW
  metrics();
  optimizers();
  philox_known_answers();
  initializers();
  return check_result();
}
