// Plans packed inference: folds affine maps into dense layers, and gives tensors their slots.
#include "native/cpu/packed_plan.h"

#include <algorithm>
#include <utility>

#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

using Kind = PackedStep::Kind;

class Planner {
 public:
  Planner(const Program& program, const Kernels& kernels, const ParameterValues& values)
      : program_(program), pass_(program.predict), kernels_(kernels), values_(values) {
    readers_.assign(pass_.features.size(), 0);
    stored_.assign(pass_.features.size(), -1);
    for (const Task& task : pass_.tasks) {
      for (const int tensor : {task.input, task.auxiliary})
        if (tensor >= 0) ++readers_[tensor];
    }
    ++readers_[pass_.outputs.front()];
  }

  PackedPlan plan() {
    for (const Task& task : pass_.tasks) add(task);
    flush(store(pass_.outputs.front()));
    plan_.reads_rows_in_place = plan_.reads_rows_in_place && stored_[pass_.outputs.front()] != 0;
    plan_.output = place(pass_.outputs.front());
    plan_.slots = static_cast<int>(is_taken_.size());
    for (Draft& draft : drafts_) finish(draft);
    return std::move(plan_);
  }

 private:
  // The memory of one or several tensors, each of which takes it over from the one before.
  struct Store {
    PackedTensor place;
    int readers;
    std::vector<Affine> maps;  // still to be applied to its values
    int dense = -1;  // the draft that writes it, if nothing has read it yet: it can take maps in
  };

  struct Draft {
    PackedStep step;
    const float* kernel = nullptr;
    const float* bias = nullptr;
    std::vector<Affine> before, after;
  };

  int features(int tensor) const { return pass_.features[tensor]; }
  Store& store(int tensor) { return stores_[stored_[tensor]]; }
  PackedTensor place(int tensor) { return store(tensor).place; }

  void create(int tensor, int stride) {
    const auto free = std::find(is_taken_.begin(), is_taken_.end(), false);
    const int slot = static_cast<int>(free - is_taken_.begin());
    if (free == is_taken_.end()) is_taken_.push_back(true);
    is_taken_[slot] = true;
    plan_.widest = std::max(plan_.widest, stride);
    stored_[tensor] = static_cast<int>(stores_.size());
    stores_.push_back({{slot, stride}, readers_[tensor], {}});
  }

  // Whether the output may have the memory of a tensor: nothing else will read that.
  bool takes_over(const Task& task, int tensor) {
    return task.output == tensor || store(tensor).readers == 1;
  }
  void take_over(const Task& task, int tensor) {
    if (task.output == tensor) return;
    store(tensor).readers += readers_[task.output];
    stored_[task.output] = stored_[tensor];
  }

  // Applies the maps that wait, as the values are going to be read.
  void flush(Store& store) {
    if (!store.maps.empty() && store.dense >= 0) {
      drafts_[store.dense].after = std::exchange(store.maps, {});
    }
    for (Affine& map : store.maps) {
      PackedStep step{Kind::affine, store.place, {}, store.place};
      step.map = std::move(map);
      draft(std::move(step));
    }
    if (!store.maps.empty()) read_if_input(store);
    store.maps.clear();
    store.dense = -1;
  }

  void read_if_input(const Store& store) {
    if (&store == &stores_.front()) plan_.reads_rows_in_place = false;
  }

  Draft& draft(PackedStep step) { return drafts_.emplace_back(Draft{std::move(step)}); }

  // A step that reads the task's input, after the maps that wait.
  PackedStep step_of(const Task& task, Kind kind) {
    flush(store(task.input));
    read_if_input(store(task.input));
    PackedStep step{kind, place(task.input)};
    step.inputs = features(task.input);
    step.features = features(task.output);
    step.op = task.op;
    return step;
  }

  // Steps write whole vectors, for which the rows of the model's input have no room.
  void add_to(const Task& task, PackedStep step) {
    if (stored_[task.output] < 0 || place(task.output).stride % kAlignment != 0)
      create(task.output, padded(features(task.output)));
    step.output = place(task.output);
    draft(std::move(step));
  }

  // Gives the output a copy of the input, or the input's own memory.
  void go_on(const Task& task) {
    if (takes_over(task, task.input)) return take_over(task, task.input);
    add_to(task, step_of(task, Kind::copy));
  }

  void add(const Task& task) {
    switch (task.kind) {
      case TaskKind::gather_input:
        create(task.output, features(task.output));
        if (program_.input_scale != 1 || program_.input_offset != 0) {
          const Task rescaling{.kind = TaskKind::rescale_forward,
                               .scale = program_.input_scale,
                               .offset = program_.input_offset};
          store(task.output).maps.push_back(*affine_of(rescaling, program_.input_size, values_));
        }
        return;
      case TaskKind::dense_forward:
        add_dense(task);
        break;
      case TaskKind::activation_forward:
        add_activation(task);
        break;
      case TaskKind::merge:
        add_merge(task);
        break;
      case TaskKind::place:
      case TaskKind::take:
        add_columns(task);
        break;
      case TaskKind::pool: {
        PackedStep step = step_of(task, Kind::pool);
        step.positions = task.block.rows;
        add_to(task, std::move(step));
        break;
      }
      case TaskKind::embedding_forward: {
        const Parameter& table = program_.parameters[task.kernel];
        PackedStep step = step_of(task, Kind::embedding);
        step.kernel = Floats(table.size());
        std::copy_n(values_[task.kernel], table.size(), step.kernel.data());
        step.table = {step.kernel.data(), table.columns, table.rows,
                      table.columns,      table.padding, task.bag};
        add_to(task, std::move(step));
        break;
      }
      default:
        go_on(task);
        store(task.output).maps.push_back(*affine_of(task, features(task.output), values_));
    }
    for (const int tensor : {task.input, task.auxiliary}) {
      if (tensor < 0 || --store(tensor).readers > 0) continue;
      is_taken_[store(tensor).place.slot] = false;
    }
  }

  void add_dense(const Task& task) {
    Store& input = store(task.input);
    std::vector<Affine> before;
    if (input.readers == 1 && input.dense < 0) before = std::exchange(input.maps, {});
    flush(input);
    PackedStep step{Kind::dense, input.place};
    step.inputs = features(task.input);
    step.features = features(task.output);
    step.reads_rows = stored_[task.input] == 0;
    create(task.output, padded(features(task.output)));
    step.output = place(task.output);
    Draft& added = draft(std::move(step));
    added.kernel = values_[task.kernel];
    added.bias = task.bias >= 0 ? values_[task.bias] : nullptr;
    added.before = std::move(before);
    store(task.output).dense = static_cast<int>(drafts_.size()) - 1;
  }

  void add_activation(const Task& task) {
    if (!activation_row(task.op.row).pointwise)
      plan_.widest_panel = std::max(plan_.widest_panel, features(task.output));
    flush(store(task.input));
    go_on(task);
    Store& output = store(task.output);
    read_if_input(output);
    PackedStep step{Kind::activation, output.place, {}, output.place};
    step.features = features(task.output);
    step.op = task.op;
    draft(std::move(step));
    output.dense = -1;
  }

  void add_merge(const Task& task) {
    flush(store(task.auxiliary));
    read_if_input(store(task.auxiliary));
    PackedStep step = step_of(task, Kind::merge);
    step.other = place(task.auxiliary);
    add_to(task, std::move(step));
  }

  void add_columns(const Task& task) {
    PackedStep step = step_of(task, Kind::columns);
    step.columns = columns_of(task, features(task.input), features(task.output));
    add_to(task, std::move(step));
  }

  // Folds maps into the weights, or makes steps of those that would lose digits.
  void finish(Draft& draft) {
    PackedStep& step = draft.step;
    if (step.kind != Kind::dense) return plan_.steps.push_back(std::move(step));
    const PackedTensor input = step.input, output = step.output;
    const int inputs = step.inputs, units = step.features;
    if (draft.before.empty() && draft.after.empty())
      return pack(std::move(step), draft.kernel, draft.bias);
    std::optional<FoldedDense> folded =
        fold(draft.kernel, draft.bias, inputs, units, draft.before, draft.after);
    if (!folded) {
      if (step.reads_rows && !draft.before.empty()) plan_.reads_rows_in_place = false;
      add_maps(std::move(draft.before), input);
      folded = fold(draft.kernel, draft.bias, inputs, units, {}, draft.after);
    }
    if (folded) return pack(std::move(step), folded->kernel.data(), folded->bias.data());
    pack(std::move(step), draft.kernel, draft.bias);
    add_maps(std::move(draft.after), output);
  }

  void add_maps(std::vector<Affine> maps, PackedTensor tensor) {
    for (Affine& map : maps) {
      PackedStep step{Kind::affine, tensor, {}, tensor};
      step.map = std::move(map);
      plan_.steps.push_back(std::move(step));
    }
  }

  void pack(PackedStep step, const float* kernel, const float* bias) {
    const int units = step.features;
    step.kernel = Floats(std::int64_t{step.inputs} * padded(units));
    kernels_.pack_kernel(kernel, step.inputs, units, step.kernel.data());
    step.bias = Floats(padded(units));
    if (bias != nullptr) std::copy_n(bias, units, step.bias.data());
    plan_.steps.push_back(std::move(step));
  }

  const Program& program_;
  const Pass& pass_;
  const Kernels& kernels_;
  const ParameterValues& values_;
  std::vector<int> readers_;  // of each tensor
  std::vector<int> stored_;   // the store of each tensor
  std::vector<Store> stores_;
  std::vector<bool> is_taken_;  // slots
  std::vector<Draft> drafts_;
  PackedPlan plan_;
};

bool is_known(const Task& task) {
  switch (task.kind) {
    case TaskKind::gather_input:
    case TaskKind::dense_forward:
    case TaskKind::rescale_forward:
    case TaskKind::normalize_forward:
    case TaskKind::merge:
    case TaskKind::place:
    case TaskKind::take:
    case TaskKind::pool:
    case TaskKind::embedding_forward:
      return true;
    case TaskKind::activation_forward:
      return task.along.length == 0;
    case TaskKind::feature_forward:
      return is_affine(task);
    default:
      return false;
  }
}

}  // namespace

bool is_packed(const Program& program) {
  const Pass& pass = program.predict;
  return program.precision == Precision::float32 &&
         std::all_of(pass.tasks.begin(), pass.tasks.end(), is_known);
}

PackedPlan packed_plan(const Program& program, const Kernels& kernels,
                       const ParameterValues& values) {
  return Planner(program, kernels, values).plan();
}

}  // namespace neurode::cpu
