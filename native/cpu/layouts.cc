// What the lanes of a tensor's panels are: rows of the batch, or positions of rows.
#include "native/cpu/layouts.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// Features of a row that one block of Philox' bits is drawn for.
constexpr int kNoiseBlock = 4;

enum class Scope { whole_rows, positions, any };

// What a task needs the lanes of all its tensors to be. Products have the positions of the Program.
Scope scope_of(const Task& task) {
  switch (task.kind) {
    case TaskKind::gather_input:
    case TaskKind::activation_forward:
    case TaskKind::activation_backward:
    case TaskKind::feature_forward:
    case TaskKind::feature_backward:
    case TaskKind::feature_gradients:
    case TaskKind::normalize_forward:
    case TaskKind::normalize_backward:
    case TaskKind::batch_normalize_forward:
    case TaskKind::batch_normalize_backward:
    case TaskKind::batch_statistics:
    case TaskKind::batch_sums:
    case TaskKind::noise_forward:
    case TaskKind::noise_backward:
    case TaskKind::rescale_forward:
    case TaskKind::rescale_backward:
    case TaskKind::merge:
    case TaskKind::merge_backward:
    case TaskKind::activity_penalty:
    case TaskKind::activity_gradient:
      return Scope::any;
    case TaskKind::dense_forward:
    case TaskKind::dense_backward_input:
    case TaskKind::dense_backward_weights:
    case TaskKind::gather_targets:
    case TaskKind::loss:
    case TaskKind::metric:
    case TaskKind::regroup:
      return Scope::positions;
    default:
      return Scope::whole_rows;
  }
}

// Whether the task computes the same of each position alone, if it has so many features.
bool is_by_position(const Task& task, int features) {
  switch (task.kind) {
    case TaskKind::activation_forward:
    case TaskKind::activation_backward:
      if (activation_row(task.op.row).pointwise) return true;
      break;
    case TaskKind::noise_forward:
      return features % kNoiseBlock == 0;
    case TaskKind::feature_forward:
    case TaskKind::feature_backward:
    case TaskKind::feature_gradients:
    case TaskKind::normalize_forward:
    case TaskKind::normalize_backward:
    case TaskKind::batch_normalize_forward:
    case TaskKind::batch_normalize_backward:
    case TaskKind::batch_statistics:
    case TaskKind::batch_sums:
      break;
    default:
      return true;
  }
  return task.along.length > 0 && features % (task.along.length * task.along.inner) == 0;
}

// Sets of tensors that have the same lanes, since one task works on them.
class LaneSets {
 public:
  explicit LaneSets(const Pass& pass) : pass_(pass), set_(pass.features.size()) {
    std::iota(set_.begin(), set_.end(), 0);
    lanes_ = pass.positions;
    is_fixed_.assign(set_.size(), false);
    for (std::size_t t = 0; t < set_.size(); ++t) is_fixed_[t] = pass.positions[t] > 1;
    for (const Task& task : pass.tasks) join(task);
    for (const int output : pass.outputs) is_fixed_[of(output)] = true;
    for (const Task& task : pass.tasks)
      if (task.kind == TaskKind::regroup) offer(task);
    for (std::size_t t = 0; t < set_.size(); ++t) lanes_[t] = lanes_[of(static_cast<int>(t))];
  }

  std::vector<int> take() { return std::move(lanes_); }

 private:
  int of(int tensor) const {
    while (set_[tensor] != tensor) tensor = set_[tensor];
    return tensor;
  }

  template <class Visit>
  static void each_tensor(const Task& task, Visit visit) {
    for (const int tensor :
         {task.input, task.output, task.auxiliary, task.gradient, task.input_gradient})
      if (tensor >= 0) visit(tensor);
  }

  void join(const Task& task) {
    const Scope scope = scope_of(task);
    if (task.kind == TaskKind::regroup) return;
    int first = -1;
    each_tensor(task, [&](int tensor) {
      const int own = of(tensor);
      if (scope != Scope::any) {
        is_fixed_[own] = true;
      } else if (first < 0) {
        first = own;
      } else if (own != first) {
        set_[own] = first;
        is_fixed_[first] = is_fixed_[first] || is_fixed_[own];
        lanes_[first] = std::max(lanes_[first], lanes_[own]);
      }
    });
  }

  // Of the side that has several.
  int positions_of(const Task& regroup) const {
    return std::max(pass_.positions[regroup.input], pass_.positions[regroup.output]);
  }

  // A set of whole rows takes the lanes of its neighbour, unless something keeps it from that.
  void offer(const Task& regroup) {
    const int positions = positions_of(regroup);
    const int set = of(pass_.positions[regroup.output] > 1 ? regroup.input : regroup.output);
    if (is_fixed_[set]) return;
    is_fixed_[set] = true;
    const auto fits = [&](const Task& task) {
      bool is_of_set = false;
      each_tensor(task, [&](int tensor) { is_of_set = is_of_set || of(tensor) == set; });
      if (!is_of_set) return true;
      if (task.kind == TaskKind::regroup) return positions_of(task) == positions;
      const int tensor = task.output >= 0 ? task.output : task.input;
      const int width = pass_.width(tensor);
      return width % positions == 0 && is_by_position(task, width / positions);
    };
    if (std::all_of(pass_.tasks.begin(), pass_.tasks.end(), fits)) lanes_[set] = positions;
  }

  const Pass& pass_;
  std::vector<int> set_;        // by tensor: one of its set, or itself
  std::vector<int> lanes_;      // by set, and finally by tensor
  std::vector<bool> is_fixed_;  // by set
};

}  // namespace

std::vector<int> lanes_of_rows(const Pass& pass) { return LaneSets(pass).take(); }

}  // namespace neurode::cpu
