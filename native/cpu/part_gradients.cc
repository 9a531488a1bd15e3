// The gradients of the parts of a batch that this process computes, and their sums in the arena.
#include "native/cpu/part_gradients.h"

#include <algorithm>

#include "native/engine/tree_sum.h"

namespace neurode::cpu {

PartGradients::PartGradients(const Program& program, Parameters& parameters)
    : program_(program), parameters_(parameters) {
  const Parts& parts = program.parts;
  if (parts.count == 1) return;
  const GradientPlan& plan = parameters.gradient_plan();
  for (int level = 1; level < tree_levels(parts.mine); ++level) levels_.emplace_back(plan.at_end);
  kept_ = Floats(parts.mine * (plan.summed - plan.at_end));
}

PartGradient PartGradients::place(int parameter, int part, bool adds) {
  if (program_.parts.count == 1) return {parameters_.gradient(parameter), adds, 0, 0};
  if (is_kept(parameter)) {
    const GradientPlan& plan = parameters_.gradient_plan();
    const std::int64_t in_part = plan.offset[parameter] - plan.at_end;
    return {kept_.data() + part * (plan.summed - plan.at_end) + in_part, adds, 0, 0};
  }
  auto [level, additions] = tree_place(part);
  // The gradient of a single layer is added as it is computed, but not that of a table, which is
  // itself a sum in memory.
  const Parameter& of = program_.parameters[parameter];
  if (additions > 0 && of.uses == 1 && of.layout != Layout::table) {
    --level;
    --additions;
    adds = true;
  }
  return {at_level(level, parameter), adds, additions, level};
}

float* PartGradients::at_level(int level, int parameter) {
  if (level == 0) return parameters_.gradient(parameter);
  return levels_[level - 1].data() + parameters_.gradient_plan().offset[parameter];
}

void PartGradients::add(int parameter, const PartGradient& gradient, const GradientLines& lines) {
  for (int i = 0; i < gradient.additions; ++i) {
    float* const to = at_level(gradient.level - i - 1, parameter) + lines.begin;
    const float* const from = at_level(gradient.level - i, parameter) + lines.begin;
    for (int line = 0; line < lines.lines; ++line)
      add_floats(to + line * lines.stride, from + line * lines.stride, lines.length);
  }
}

template <class Visit>
void PartGradients::each_moving_statistic(Visit visit) {
  for (int i = 0; i < parameters_.count(); ++i) {
    if (!program_.parameters[i].trainable && is_kept(i)) visit(i);
  }
}

void PartGradients::begin_statistics() {
  if (kept_.size() == 0) return;
  each_moving_statistic([&](int index) {
    for (int part = 0; part < program_.parts.mine; ++part)
      std::copy_n(parameters_.values(index), parameters_[index].size, place(index, part, false).to);
  });
}

void PartGradients::add_kept(std::int64_t rows) {
  const Parts& parts = program_.parts;
  const GradientPlan& plan = parameters_.gradient_plan();
  each_moving_statistic([&](int index) {
    for (int part = 0; part < parts.mine; ++part) {
      const int at = parts.first + part;
      const auto own =
          static_cast<float>(parts.first_row(rows, at + 1) - parts.first_row(rows, at));
      float* const values = place(index, part, false).to;
      for (std::int64_t i = 0; i < parameters_[index].size; ++i) values[i] *= own;
    }
  });
  const std::int64_t size = plan.summed - plan.at_end;
  tree_sum(kept_.data(), parts.mine, size);
  std::copy_n(kept_.data(), size, parameters_.summed_gradients() + plan.at_end);
}

void PartGradients::end_statistics(std::int64_t rows, bool update) {
  const auto all = static_cast<float>(rows);
  each_moving_statistic([&](int index) {
    float* const sums = parameters_.gradient(index);
    for (std::int64_t i = 0; i < parameters_[index].size; ++i) sums[i] /= all;
    if (update) std::copy_n(sums, parameters_[index].size, parameters_[index].values.data());
  });
  begin_statistics();
}

}  // namespace neurode::cpu
