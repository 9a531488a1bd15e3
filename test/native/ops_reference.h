// References in double for the rows of the op table: activations and losses by name, each with the
// parameters with which it is tested.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

namespace neurode::reference {

using Params = std::vector<float>;
constexpr double kInf = std::numeric_limits<double>::infinity();

inline double relu(double z, double slope, double top, double threshold) {
  if (z <= threshold) return slope * (z - threshold);
  return std::min(top < kInf ? std::max(z, 0.0) : z, top);
}
inline double softplus(double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::fabs(z))); }
inline double sigmoid(double z) {
  return z < 0 ? std::exp(z) / (1 + std::exp(z)) : 1 / (1 + std::exp(-z));
}
inline double elu(double z, double alpha) { return z > 0 ? z : alpha * std::expm1(z); }
inline double clip(double z, double low, double high) { return std::min(std::max(z, low), high); }

struct Activation {
  const char* name;
  std::vector<Params> settings;
  double (*f)(double z, const Params& p);
};

inline const std::vector<Activation>& activations() {
  static const std::vector<Activation> table = {
      {"linear", {{}}, [](double z, const Params&) { return z; }},
      {"relu", {{}}, [](double z, const Params&) { return relu(z, 0, kInf, 0); }},
      {"relu6", {{}}, [](double z, const Params&) { return relu(z, 0, 6, 0); }},
      {"leakyRelu",
       {{0.2f}, {0}},
       [](double z, const Params& p) { return relu(z, p[0], kInf, 0); }},
      {"generalRelu",
       {{0.25f, 3, 1}, {0, std::numeric_limits<float>::infinity(), 0.5f}, {0.125f, 2, 0}},
       [](double z, const Params& p) { return relu(z, p[0], p[1], p[2]); }},
      {"elu", {{1}, {0.5f}}, [](double z, const Params& p) { return elu(z, p[0]); }},
      {"selu",
       {{}},
       [](double z, const Params&) { return 1.0507009873554805 * elu(z, 1.6732632423543772); }},
      {"celu",
       {{1}, {2}},
       [](double z, const Params& p) { return z > 0 ? z : p[0] * std::expm1(z / p[0]); }},
      {"gelu",
       {{}},
       [](double z, const Params&) { return z * 0.5 * std::erfc(-z * std::sqrt(0.5)); }},
      {"geluTanh",
       {{}},
       [](double z, const Params&) {
         return z * sigmoid(2 * std::sqrt(2 / 3.14159265358979323846) * (z + 0.044715 * z * z * z));
       }},
      {"silu", {{}}, [](double z, const Params&) { return z * sigmoid(z); }},
      {"mish", {{}}, [](double z, const Params&) { return z * std::tanh(softplus(z)); }},
      {"sigmoid", {{}}, [](double z, const Params&) { return sigmoid(z); }},
      {"hardSigmoid", {{}}, [](double z, const Params&) { return clip(z + 3, 0, 6) / 6; }},
      {"hardSilu", {{}}, [](double z, const Params&) { return z * (clip(z + 3, 0, 6) / 6); }},
      {"logSigmoid", {{}}, [](double z, const Params&) { return -softplus(-z); }},
      {"tanh", {{}}, [](double z, const Params&) { return std::tanh(z); }},
      {"hardTanh", {{}}, [](double z, const Params&) { return clip(z, -1, 1); }},
      {"tanhShrink", {{}}, [](double z, const Params&) { return z - std::tanh(z); }},
      {"softShrink",
       {{0.5f}, {1}},
       [](double z, const Params& p) { return z > p[0]    ? z - p[0]
                                              : z < -p[0] ? z + p[0]
                                                          : 0; }},
      {"hardShrink",
       {{0.5f}, {1}},
       [](double z, const Params& p) { return std::fabs(z) > p[0] ? z : 0; }},
      {"softplus", {{}}, [](double z, const Params&) { return softplus(z); }},
      {"softsign", {{}}, [](double z, const Params&) { return z / (1 + std::fabs(z)); }},
      {"squareplus",
       {{4}, {1}},
       [](double z, const Params& p) {
         const double s = std::sqrt(z * z + p[0]);
         return z < 0 ? p[0] / (2 * (s - z)) : (z + s) / 2;
       }},
      {"exponential", {{}}, [](double z, const Params&) { return std::exp(z); }},
      {"sparsePlus",
       {{}},
       [](double z, const Params&) { return z <= -1  ? 0
                                            : z >= 1 ? z
                                                     : (z + 1) * (z + 1) / 4; }},
      {"sparseSigmoid", {{}}, [](double z, const Params&) { return clip((z + 1) / 2, 0, 1); }},
      {"threshold",
       {{0.5f, -0.25f}},
       [](double z, const Params& p) { return z > p[0] ? z : p[1]; }},
  };
  return table;
}

using Row = std::vector<double>;

inline Row smooth(Row t, double smoothing, double towards) {
  for (double& v : t) v = v * (1 - smoothing) + smoothing * towards;
  return t;
}
inline double log_sum_exp(const Row& z) {
  const double largest = *std::max_element(z.begin(), z.end());
  double sum = 0;
  for (const double v : z) sum += std::exp(v - largest);
  return largest + std::log(sum);
}
inline double clipped(double p) { return clip(p, 1e-7, 1 - 1e-7); }

// Whether loss() has the formula. The other losses have float64 references only in ops.test.ts.
inline bool knows_loss(const std::string& name) {
  return name == "meanSquaredError" || name == "meanAbsoluteError" ||
         name == "binaryCrossentropy" || name == "categoricalCrossentropy" ||
         name == "sparseCategoricalCrossentropy";
}

// The loss of one row.
inline double loss(const std::string& name, bool logits, double smoothing, const Row& y,
                   const Row& target) {
  const double n = static_cast<double>(y.size());
  double value = 0;
  if (name == "meanSquaredError" || name == "meanAbsoluteError") {
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double d = y[i] - target[i];
      value += name == "meanSquaredError" ? d * d : std::fabs(d);
    }
    return value / n;
  }
  if (name == "binaryCrossentropy") {
    const Row t = smooth(target, smoothing, 0.5);
    for (std::size_t i = 0; i < y.size(); ++i) {
      value += logits ? softplus(y[i]) - t[i] * y[i]
                      : -t[i] * std::log(clipped(y[i])) - (1 - t[i]) * std::log(clipped(1 - y[i]));
    }
    return value / n;
  }
  const Row t = smooth(target, smoothing, 1 / n);
  const bool sparse = name == "sparseCategoricalCrossentropy";
  double sum = 0;
  for (const double v : y) sum += sparse ? clipped(v) : v;
  for (std::size_t i = 0; i < y.size(); ++i) {
    if (t[i] == 0) continue;
    if (logits) {
      value += t[i] * (log_sum_exp(y) - y[i]);
    } else {
      value -= t[i] * std::log(sparse ? clipped(y[i]) / sum : clipped(y[i] / sum));
    }
  }
  return value;
}

}  // namespace neurode::reference
