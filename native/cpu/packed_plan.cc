// Plans packed inference: finds the maps that can be part of a dense layer's weights, and gives
// tensors their slots.
#include "native/cpu/packed_plan.h"

#include <algorithm>
#include <utility>

#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

using Kind = PackedStep::Kind;

PackedTensor tensor_of(int features, int positions = 1) {
  return {0, positions * padded(features), positions, padded(features)};
}

class Planner {
 public:
  explicit Planner(const Program& program) : program_(program), pass_(program.predict) {
    readers_.assign(pass_.features.size(), 0);
    stored_.assign(pass_.features.size(), -1);
    places_.resize(pass_.features.size());
    for (const Task& task : pass_.tasks) {
      for (const int tensor : {task.input, task.auxiliary})
        if (tensor >= 0) ++readers_[tensor];
    }
    ++readers_[pass_.outputs.front()];
  }

  PackedPlan plan() {
    for (const Task& task : pass_.tasks) add(task);
    const int output = pass_.outputs.front();
    flush(output);
    read_if_input(output);
    plan_.output = places_[output];
    plan_.slots = static_cast<int>(is_taken_.size());
    for (Draft& draft : drafts_) finish(draft);
    return std::move(plan_);
  }

 private:
  // The memory of one or several tensors, each of which takes it over from the one before.
  struct Store {
    int slot;
    int readers;
    std::vector<Task> maps;  // still to be applied to its values
    int dense = -1;  // the draft that writes it, if nothing has read it yet: it can take maps in
  };

  struct Draft {
    PackedStep step;
    std::vector<Task> before, after;
    std::optional<Task> activation;
  };

  int features(int tensor) const { return pass_.features[tensor]; }
  int positions(int tensor) const { return pass_.positions[tensor]; }
  Store& store(int tensor) { return stores_[stored_[tensor]]; }
  bool is_input(int tensor) const { return stored_[tensor] == 0; }

  void create(int tensor, PackedTensor place) {
    const auto free = std::find(is_taken_.begin(), is_taken_.end(), false);
    place.slot = static_cast<int>(free - is_taken_.begin());
    if (free == is_taken_.end()) is_taken_.push_back(true);
    is_taken_[place.slot] = true;
    plan_.widest = std::max(plan_.widest, place.stride);
    plan_.positions = std::max(plan_.positions, place.positions);
    places_[tensor] = place;
    stored_[tensor] = static_cast<int>(stores_.size());
    stores_.push_back({place.slot, readers_[tensor], {}});
  }

  // Whether the output may have the memory of a tensor: nothing else will read that.
  bool takes_over(const Task& task, int tensor) {
    return task.output == tensor || store(tensor).readers == 1;
  }
  void take_over(const Task& task, int tensor) {
    if (task.output == tensor) return;
    store(tensor).readers += readers_[task.output];
    stored_[task.output] = stored_[tensor];
    places_[task.output] = places_[tensor];
  }

  // Applies the maps that wait, as the values are going to be read.
  void flush(int tensor) {
    Store& store = this->store(tensor);
    if (!store.maps.empty() && store.dense >= 0) {
      drafts_[store.dense].after = std::exchange(store.maps, {});
    }
    for (const Task& map : store.maps) draft(map_of(map, places_[tensor], features(tensor)));
    if (!store.maps.empty()) read_if_input(tensor);
    store.maps.clear();
    store.dense = -1;
  }

  static PackedStep map_of(const Task& task, const PackedTensor& place, int features) {
    PackedStep step{.kind = Kind::affine, .task = task, .input = place, .output = place};
    step.features = features;
    return step;
  }

  void read_if_input(int tensor) {
    if (is_input(tensor)) plan_.may_read_rows_in_place = false;
  }

  Draft& draft(PackedStep step) { return drafts_.emplace_back(Draft{std::move(step), {}, {}, {}}); }

  // A step that reads the task's input, after the maps that wait.
  PackedStep step_of(const Task& task, Kind kind) {
    flush(task.input);
    read_if_input(task.input);
    PackedStep step{.kind = kind, .task = task, .input = places_[task.input]};
    step.inputs = pass_.width(task.input);
    step.features = pass_.width(task.output);
    return step;
  }

  // Steps write whole vectors, for which the rows of the model's input have no room.
  void add_to(const Task& task, PackedStep step) {
    if (stored_[task.output] < 0 || !places_[task.output].is_padded())
      create(task.output, tensor_of(features(task.output), positions(task.output)));
    step.output = places_[task.output];
    draft(std::move(step));
  }

  // Gives the output a copy of the input, position by position.
  void copy(const Task& task, const PackedTensor& to) {
    PackedStep step = step_of(task, Kind::copy);
    const PackedTensor from = step.input;
    create(task.output, to);
    const int columns = features(task.input);
    const bool regroups = to.positions != from.positions;
    step.columns = {from.positions, columns, 0, from.step, 0, regroups ? columns : to.step};
    step.output = places_[task.output];
    draft(std::move(step));
  }

  // Gives the output memory of its own that has the input's values and may be changed: the input's
  // where nothing else reads that.
  void own(const Task& task) {
    flush(task.input);
    if (takes_over(task, task.input) && places_[task.input].is_padded()) {
      take_over(task, task.input);
    } else {
      copy(task, tensor_of(features(task.output), positions(task.output)));
    }
    store(task.output).dense = -1;
  }

  void add(const Task& task) {
    switch (task.kind) {
      case TaskKind::gather_input:
        add_input(task);
        return;
      case TaskKind::dense_forward:
        add_dense(task);
        break;
      case TaskKind::activation_forward:
        add_activation(task);
        break;
      case TaskKind::regroup:
        add_regroup(task);
        break;
      case TaskKind::merge:
        add_merge(task);
        break;
      case TaskKind::pool:
        add_to(task, step_of(task, Kind::pool));
        break;
      case TaskKind::embedding_forward:
        add_to(task, step_of(task, Kind::embedding));
        break;
      case TaskKind::transpose:
      case TaskKind::repeat:
      case TaskKind::encode:
      case TaskKind::place:
      case TaskKind::take:
        add_to(task, step_of(task, Kind::rearrange));
        break;
      default:
        if (is_affine(task))
          add_map(task);
        else
          add_in_place(task, Kind::feature);
    }
    for (const int tensor : {task.input, task.auxiliary}) {
      if (tensor < 0 || --store(tensor).readers > 0) continue;
      is_taken_[store(tensor).slot] = false;
    }
  }

  void add_input(const Task& task) {
    const int size = features(task.output);
    create(task.output, {0, size, 1, size});
    if (program_.input_scale == 1 && program_.input_offset == 0) return;
    store(task.output)
        .maps.push_back({.kind = TaskKind::rescale_forward,
                         .scale = program_.input_scale,
                         .offset = program_.input_offset});
  }

  void add_map(const Task& task) {
    if (takes_over(task, task.input))
      take_over(task, task.input);
    else
      copy(task, tensor_of(features(task.output)));
    store(task.output).maps.push_back(task);
  }

  void add_dense(const Task& task) {
    Store& input = store(task.input);
    std::vector<Task> before;
    if (input.readers == 1 && input.dense < 0 && positions(task.input) == 1)
      before = std::exchange(input.maps, {});
    flush(task.input);
    PackedStep step{.kind = Kind::dense, .task = task, .input = places_[task.input]};
    step.inputs = features(task.input);
    step.features = features(task.output);
    step.reads_rows = is_input(task.input);
    create(task.output, tensor_of(step.features, positions(task.output)));
    step.output = places_[task.output];
    plan_.weights += std::int64_t{step.inputs} * step.features;
    draft(std::move(step)).before = std::move(before);
    store(task.output).dense = static_cast<int>(drafts_.size()) - 1;
  }

  // A pointwise function of a product that nothing else reads is computed with it.
  void add_activation(const Task& task) {
    Store& input = store(task.input);
    const bool is_pointwise = neurode::activation_row(task.op.row).pointwise;
    if (!is_pointwise || input.dense < 0 || !takes_over(task, task.input))
      return add_in_place(task, Kind::activation);
    drafts_[input.dense].activation = task;
    own(task);
  }

  void add_in_place(const Task& task, Kind kind) {
    own(task);
    draft(in_place(task, kind, places_[task.output]));
  }

  PackedStep in_place(const Task& task, Kind kind, const PackedTensor& place) const {
    PackedStep step{.kind = kind, .task = task, .input = place, .output = place};
    step.features = features(task.output);
    return step;
  }

  // The same memory by another name where no position is padded.
  void add_regroup(const Task& task) {
    flush(task.input);
    const PackedTensor from = places_[task.input];
    const int size = features(task.output), count = positions(task.output);
    const int width = padded(pass_.width(task.output));
    if (from.positions > 1 && from.step != features(task.input))
      return copy(task, {0, width, count, count > 1 ? size : width});
    store(task.input).readers += readers_[task.output];
    stored_[task.output] = stored_[task.input];
    places_[task.output] = {from.slot, from.stride, count, count > 1 ? size : from.stride};
  }

  void add_merge(const Task& task) {
    flush(task.auxiliary);
    read_if_input(task.auxiliary);
    PackedStep step = step_of(task, Kind::merge);
    step.other = places_[task.auxiliary];
    add_to(task, std::move(step));
  }

  // The maps of a dense layer become steps beside it, in case they cannot be part of its weights.
  void finish(Draft& draft) {
    const PackedStep& step = draft.step;
    std::vector<PackedStep>& steps = plan_.steps;
    draft.step.before = static_cast<int>(draft.before.size());
    draft.step.after = static_cast<int>(draft.after.size());
    draft.step.activates = draft.activation.has_value();
    const PackedTensor input = step.input, output = step.output;
    const int inputs = step.inputs, features = step.features;
    for (const Task& map : draft.before) steps.push_back(map_of(map, input, inputs));
    steps.push_back(std::move(draft.step));
    if (draft.activation) steps.back().task.op = draft.activation->op;
    for (const Task& map : draft.after) steps.push_back(map_of(map, output, features));
    if (draft.activation && !draft.after.empty())
      steps.push_back(in_place(*draft.activation, Kind::activation, output));
  }

  const Program& program_;
  const Pass& pass_;
  std::vector<int> readers_;  // of each tensor
  std::vector<int> stored_;   // the store of each tensor
  std::vector<PackedTensor> places_;
  std::vector<Store> stores_;
  std::vector<bool> is_taken_;  // slots
  std::vector<Draft> drafts_;
  PackedPlan plan_;
};

}  // namespace

PackedPlan packed_plan(const Program& program) { return Planner(program).plan(); }

}  // namespace neurode::cpu
