// Maps y = (x - mean) scale + offset, and their place in the weights of dense layers.
#include "native/cpu/affine.h"

#include <algorithm>
#include <cmath>

#include "native/cpu/cuts.h"
#include "native/engine/op_table.h"
#include "native/ops/features.h"

namespace neurode::cpu {
namespace {

// How far a map may shift inputs, in units of its results. With a larger shift, the sum of a unit
// has large terms that cancel each other.
constexpr double kMostShift = 8;

struct Line {
  std::vector<double> scale, shift;
};

// Combines maps that follow each other into one. None where a feature is shifted by more than
// `most`.
std::optional<Line> line_of(std::span<const Affine> maps, int features, double most) {
  Line line{std::vector<double>(features, 1), std::vector<double>(features, 0)};
  for (const Affine& map : maps) {
    for (int f = 0; f < features; ++f) {
      const double scale = map.scale[f], mean = map.mean[f] * scale, offset = map.offset[f];
      if (!(std::abs(mean) + std::abs(offset) <= most)) return {};
      line.scale[f] *= scale;
      line.shift[f] = line.shift[f] * scale - mean + offset;
    }
  }
  return line;
}

bool all_finite(const std::vector<float>& values) {
  return std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); });
}

}  // namespace

bool is_affine(const Task& task) {
  return task.kind == TaskKind::rescale_forward || task.kind == TaskKind::normalize_forward ||
         (task.kind == TaskKind::feature_forward &&
          op_rows(OpKind::feature)[task.op.row].name == "scaleOffset");
}

std::optional<Affine> affine_of(const Task& task, int features, const ParameterValues& values) {
  if (!is_affine(task)) return {};
  Affine map{std::vector<float>(features, 0.0f), std::vector<float>(features, 1.0f),
             std::vector<float>(features, 0.0f)};
  if (task.kind == TaskKind::rescale_forward) {
    std::fill(map.scale.begin(), map.scale.end(), task.scale);
    std::fill(map.offset.begin(), map.offset.end(), task.offset);
    return map;
  }
  const int channels = task.along.length == 0 ? features : task.along.length;
  const auto parameter = [&](int index, int channel, float otherwise) {
    return index >= 0 ? values[index][channel] : otherwise;
  };
  const bool normalizes = task.kind == TaskKind::normalize_forward;
  const auto& numbers =
      NEURODE_ISA_NAMESPACE::ops::named<NEURODE_ISA_NAMESPACE::ops::NormalizationParams>(
          task.op.params.data());
  const bool inverts = normalizes && numbers.undoes();
  for (int f = 0; f < features; ++f) {
    const int channel = f / task.along.inner % channels;
    map.scale[f] = parameter(task.kernel, channel, 1);
    map.offset[f] = parameter(task.bias, channel, 0);
    if (!normalizes) continue;
    const double variance = std::max(parameter(task.variance, channel, 1), numbers.least);
    const double root = std::sqrt(variance + numbers.epsilon);
    map.scale[f] = static_cast<float>(map.scale[f] * (inverts ? root : 1 / root));
    (inverts ? map.offset : map.mean)[f] = parameter(task.mean, channel, 0);
  }
  return map;
}

std::optional<FoldedDense> fold(const KernelView& kernel, const float* bias, int inputs, int units,
                                std::span<const Affine> before, std::span<const Affine> after) {
  const std::optional<Line> in = line_of(before, inputs, kMostShift);
  const std::optional<Line> out = line_of(after, units, HUGE_VAL);
  if (!in || !out) return {};
  const bool by_units = kernel.input_step == 1;
  const int lines = by_units ? units : inputs, length = by_units ? inputs : units;
  const std::int64_t line = round_up(length, kAlignment);
  FoldedDense dense{std::vector<float>(lines * line), std::vector<float>(units), {}};
  dense.kernel = {dense.values.data(), by_units ? 1 : line, by_units ? line : 1};
  std::vector<double> sum(units, 0);
  if (bias != nullptr) std::copy_n(bias, units, sum.begin());
  for (int i = 0; i < lines; ++i) {
    const float* const from = kernel.values + i * (by_units ? kernel.unit_step : kernel.input_step);
    float* const to = dense.values.data() + i * line;
    for (int j = 0; j < length; ++j) {
      const int k = by_units ? j : i, u = by_units ? i : j;
      to[j] = static_cast<float>(from[j] * in->scale[k] * out->scale[u]);
      sum[u] += from[j] * in->shift[k];
    }
  }
  for (int u = 0; u < units; ++u)
    dense.bias[u] = static_cast<float>(sum[u] * out->scale[u] + out->shift[u]);
  if (!all_finite(dense.values) || !all_finite(dense.bias)) return {};
  return dense;
}

}  // namespace neurode::cpu
