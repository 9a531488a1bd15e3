// The weights of packed inference, made of the values of parameters.
#include <algorithm>
#include <vector>

#include "native/cpu/cuts.h"
#include "native/cpu/packed_plan.h"

namespace neurode::cpu {
namespace {

using Kind = PackedStep::Kind;

// Weights that several threads pack in less time than it takes to wake them.
constexpr std::int64_t kWorthSharing = 1 << 18;

Floats& sized(Floats& floats, std::int64_t size) {
  if (floats.size() != size) floats = Floats(size);
  return floats;
}

class Packer {
 public:
  Packer(PackedPlan& plan, const Program& program, const Kernels& kernels,
         const PackedSource& source, ThreadTeam& team)
      : plan_(plan), program_(program), kernels_(kernels), source_(source), team_(team) {}

  void run() {
    plan_.reads_rows_in_place = plan_.may_read_rows_in_place;
    for (PackedStep& step : plan_.steps)
      if (step.kind == Kind::affine)
        step.map = *affine_of(step.task, step.features, source_.values);
    for (std::size_t i = 0; i < plan_.steps.size(); ++i) {
      PackedStep& step = plan_.steps[i];
      if (step.kind == Kind::dense) add_dense(&step);
      if (step.kind == Kind::feature) add_feature(step);
      if (step.kind == Kind::embedding) add_table(step);
    }
  }

 private:
  const float* values(int parameter) const {
    return parameter < 0 ? nullptr : source_.values[parameter];
  }

  // Maps become part of the weights, or are steps of their own where that would lose digits.
  void add_dense(PackedStep* dense) {
    const std::int64_t line = source_.lines[dense->task.kernel];
    const KernelView kernel{values(dense->task.kernel), source_.is_transposed ? 1 : line,
                            source_.is_transposed ? line : 1};
    const float* const bias = values(dense->task.bias);
    PackedStep* const first = dense - dense->before;
    const std::vector<Affine> before = maps(first, dense->before),
                              after = maps(dense + 1, dense->after);
    const auto folded = [&](std::span<const Affine> in, std::span<const Affine> out) {
      return fold(kernel, bias, dense->inputs, dense->features, in, out);
    };
    std::optional<FoldedDense> weights;
    bool folds_before = true, folds_after = true;
    if (!before.empty() || !after.empty()) {
      weights = folded(before, after);
      folds_before = weights.has_value() || before.empty();
      if (!weights) weights = folded({}, after);
      folds_after = weights.has_value();
    }
    for (PackedStep* step = first; step != dense; ++step) step->is_active = !folds_before;
    const int behind = dense->after + (dense->activates && dense->after > 0 ? 1 : 0);
    for (int i = 1; i <= behind; ++i) dense[i].is_active = !folds_after;
    dense->activates_at_once = dense->activates && folds_after;
    if (dense->reads_rows && !folds_before) plan_.reads_rows_in_place = false;
    if (weights)
      pack(*dense, weights->kernel, weights->bias.data());
    else
      pack(*dense, kernel, bias);
  }

  static std::vector<Affine> maps(const PackedStep* first, int count) {
    std::vector<Affine> maps;
    for (int i = 0; i < count; ++i) maps.push_back(first[i].map);
    return maps;
  }

  void pack(PackedStep& step, const KernelView& kernel, const float* bias) {
    const int units = step.features, tiles = kernels_.infer_tiles(units);
    sized(step.kernel, std::int64_t{step.inputs} * padded(units));
    sized(step.bias, padded(units));
    if (bias != nullptr) std::copy_n(bias, units, step.bias.data());
    const auto pack = [&](const TileRange& range) {
      kernels_.pack_kernel(kernel, step.inputs, units, range, step.kernel.data());
    };
    const int threads = step.kernel.size() < kWorthSharing ? 1 : std::min(team_.size(), tiles);
    const bool is_shared = threads > 1 && team_.try_run(threads, [&](int thread) {
      const Part mine = part(tiles, thread, threads);
      pack({mine.begin, mine.end});
    });
    if (!is_shared) pack({0, tiles});
  }

  void add_feature(PackedStep& step) const {
    const Along& along = step.task.along;
    const int channels = along.length == 0 ? step.features : along.length;
    const auto spread = [&](Floats& to, int parameter, float otherwise) {
      sized(to, padded(step.features));
      const float* const from = values(parameter);
      for (int f = 0; f < step.features; ++f)
        to.data()[f] = from == nullptr ? otherwise : from[f / along.inner % channels];
    };
    spread(step.kernel, step.task.kernel, 1);
    spread(step.bias, step.task.bias, 0);
  }

  void add_table(PackedStep& step) const {
    const Parameter& table = program_.parameters[step.task.kernel];
    const float* from = values(step.task.kernel);
    if (!source_.stays) {
      sized(step.kernel, table.size());
      std::copy_n(from, table.size(), step.kernel.data());
      from = step.kernel.data();
    }
    step.table = {from,          source_.lines[step.task.kernel],
                  table.rows,    table.columns,
                  table.padding, step.task.bag};
  }

  PackedPlan& plan_;
  const Program& program_;
  const Kernels& kernels_;
  const PackedSource& source_;
  ThreadTeam& team_;
};

}  // namespace

void pack(PackedPlan& plan, const Program& program, const Kernels& kernels,
          const PackedSource& source, ThreadTeam& team) {
  Packer(plan, program, kernels, source, team).run();
}

}  // namespace neurode::cpu
