// What predictions cost on the CPU, as measured: bench/results/.
#include "native/cpu/forward_cost.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// Operations that one thread does in half a millisecond. NEON has not been measured: it is assumed
// to be as fast as SSE.
constexpr std::pair<std::string_view, double> kQuick[] = {
    {"avx512", 8.2e7}, {"avx2", 4.9e7}, {"sse42", 1.6e7}, {"neon", 1.6e7}};

// The cost, in operations, of a number that is read or written.
constexpr double kOfPackedRows = 20;
constexpr double kOfPanels = 80;
constexpr double kOfWeights = 50;  // from memory
// Where weights are in the caches, which is when another thread may not be worth waking.
constexpr double kOfCachedWeights = 8;

struct Sizes {
  double inputs, outputs;
  int positions;
};

enum class Way { packed, panels };

double operations_of(const Task& task, const Sizes& sizes) {
  switch (task.kind) {
    case TaskKind::dense_forward:
      return 2 * sizes.inputs * sizes.outputs / sizes.positions;
    case TaskKind::activation_forward:
      return (activation_row(task.op.row).pointwise ? 80 : 400) * sizes.outputs;
    case TaskKind::feature_forward:
    case TaskKind::normalize_forward:
      return 60 * sizes.outputs;
    case TaskKind::embedding_forward:
      return 200 * sizes.outputs * std::max(task.bag.indices, 1);
    case TaskKind::transpose:
    case TaskKind::repeat:
    case TaskKind::pool:
    case TaskKind::encode:
      return 120 * std::max(sizes.inputs, sizes.outputs);
    case TaskKind::place:
      return 20 * sizes.inputs;
    case TaskKind::merge:
    case TaskKind::take:
    case TaskKind::rescale_forward:
      return 20 * sizes.outputs;
    default:
      return 0;
  }
}

// Other threads are woken for work of more than this share of what is quick.
constexpr double kWorthWaking = 1.0 / 8;

// Work of more than this share of what is quick is done sooner by the device's thread and its team,
// though to wake them takes twice 50 us.
constexpr double kWorthWakingAll = 1.0 / 3;

constexpr double kOfValue = 900;        // of a row's loss or metric, with the row's targets
constexpr double kOfTallied = 200;      // of an output that a tally counts
constexpr double kOfUpdate = 150;       // of a parameter's value, by any optimizer, from memory
constexpr double kOfMatrixPenalty = 8;  // two products of the parameter with itself

ForwardCost cost_of(const Program& program, const Kernels& kernels, Way way) {
  const Pass& pass = program.predict;
  ForwardCost cost;
  for (const Task& task : pass.tasks) {
    if (task.input < 0) continue;
    const Sizes sizes{static_cast<double>(pass.width(task.input)),
                      static_cast<double>(pass.width(task.output)),
                      std::max(pass.positions[task.input], 1)};
    cost.row += operations_of(task, sizes);
    if (task.kind != TaskKind::dense_forward) continue;
    cost.weights += kOfWeights * static_cast<double>(program.parameters[task.kernel].size());
  }
  // Packed inference reads rows where they are: only outputs are copied.
  cost.row += way == Way::packed
                  ? kOfPackedRows * program.output_size
                  : kOfPanels * (double{1} * program.input_size + program.output_size);
  cost.lanes = way == Way::packed ? 1 : kAlignment;
  for (const auto& [name, quick] : kQuick)
    if (name == kernels.name) cost.quick = quick;
  return cost;
}

}  // namespace

ForwardCost forward_cost(const Program& program, const Kernels& kernels) {
  return cost_of(program, kernels, Way::packed);
}

ForwardCost cost_of_panels(const Program& program, const Kernels& kernels) {
  return cost_of(program, kernels, Way::panels);
}

double cached_cost(const ForwardCost& cost, std::int64_t rows) {
  return std::max(cost.of_rows(rows), cost.weights * kOfCachedWeights / kOfWeights);
}

int threads_worth_waking(const ForwardCost& cost, std::int64_t rows, int most) {
  return cached_cost(cost, rows) > kWorthWaking * cost.quick ? most : 1;
}

double cost_of_values(const Program& program) {
  double cost = kOfValue * program.row_values();
  for (const Tally& tally : program.tallies)
    cost += program.heads[tally.head].positions * (kOfValue + kOfTallied * tally.outputs);
  return cost;
}

double cost_of_penalties(const Program& program) {
  double cost = 0;
  for (const Task& task : program.train.tasks) {
    if (task.kind != TaskKind::matrix_penalty) continue;
    const Parameter& parameter = program.parameters[task.parameter];
    cost += kOfMatrixPenalty * static_cast<double>(parameter.size()) *
            std::max(parameter.rows, parameter.columns);
  }
  return cost;
}

double cost_of_updates(const Program& program) {
  double values = 0;
  for (const Parameter& parameter : program.parameters)
    values += static_cast<double>(parameter.size());
  return kOfUpdate * values + cost_of_penalties(program);
}

bool is_quick_here(double cost, const ForwardCost& forward, int threads) {
  return cost < forward.quick * (threads > 1 ? kWorthWakingAll : 1);
}

}  // namespace neurode::cpu
