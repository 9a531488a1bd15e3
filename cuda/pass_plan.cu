// Plans the launches of one pass of a Program.
#include <algorithm>
#include <map>
#include <stdexcept>

#include "cuda/kernels/functors.h"
#include "cuda/kernels/rows.h"
#include "cuda/pass_plan.h"
#include "cuda/wide_choice.h"

namespace neurode::cuda {
namespace {

// The most weights in a slice. Each block reads all of them again for its few rows, so they must
// stay in the L2 cache.
constexpr std::int64_t kMostSliceWeights = 1 << 16;

// Which of a task's tensors its stage uses. The input of an activation is the stage's z.
enum Uses : unsigned {
  kInput = 1,
  kZ = 2,
  kOutput = 4,
  kAuxiliary = 8,
  kGradient = 16,
  kInputGradient = 32,
};

struct StageRow {
  TaskKind task;
  Runner runner;
  unsigned uses;
  StageKind kind{};
};

// The stages of the tasks of Axis::rows. Losses and metrics read the bound targets, so no stage
// gathers targets.
constexpr StageRow kStageRows[] = {
    {TaskKind::gather_input, Runner::elements, kOutput, StageKind::gather},
    {TaskKind::dense_forward, Runner::product, kInput | kOutput, StageKind::dense_forward},
    {TaskKind::activation_forward, Runner::elements, kZ | kOutput, StageKind::activation_forward},
    {TaskKind::noise_forward, Runner::elements, kInput | kOutput | kAuxiliary,
     StageKind::noise_forward},
    {TaskKind::rescale_forward, Runner::elements, kInput | kOutput, StageKind::rescale_forward},
    {TaskKind::loss, Runner::rows, kInput | kGradient, StageKind::loss},
    {TaskKind::metric, Runner::rows, kInput, StageKind::metric},
    {TaskKind::activity_penalty, Runner::rows, kInput, StageKind::activity_penalty},
    {TaskKind::activity_gradient, Runner::elements, kInput | kGradient,
     StageKind::activity_gradient},
    {TaskKind::activation_backward, Runner::elements, kZ | kOutput | kGradient,
     StageKind::activation_backward},
    {TaskKind::noise_backward, Runner::elements, kAuxiliary | kGradient, StageKind::noise_backward},
    {TaskKind::rescale_backward, Runner::elements, kGradient, StageKind::rescale_backward},
    {TaskKind::merge, Runner::elements, kInput | kAuxiliary | kOutput, StageKind::merge},
    {TaskKind::merge_backward, Runner::elements, kInput | kAuxiliary | kGradient | kInputGradient,
     StageKind::merge_backward_first},
    {TaskKind::dense_backward_input, Runner::product, kGradient | kInputGradient,
     StageKind::dense_backward_input},
    {TaskKind::feature_forward, Runner::channels, kInput | kOutput},
    {TaskKind::feature_backward, Runner::channels, kInput | kGradient | kInputGradient},
    {TaskKind::normalize_forward, Runner::channels, kInput | kOutput},
    {TaskKind::normalize_backward, Runner::channels, kInput | kGradient},
    {TaskKind::batch_normalize_forward, Runner::channels, kInput | kOutput},
    {TaskKind::batch_normalize_backward, Runner::channels, kInput | kGradient},
    {TaskKind::regroup, Runner::rearrangement, kInput | kOutput},
    {TaskKind::transpose, Runner::rearrangement, kInput | kOutput},
    {TaskKind::repeat, Runner::rearrangement, kInput | kOutput},
    {TaskKind::repeat_backward, Runner::rearrangement, kInput | kOutput},
    {TaskKind::encode, Runner::rearrangement, kInput | kOutput},
    {TaskKind::place, Runner::rearrangement, kInput | kOutput},
    {TaskKind::take, Runner::rearrangement, kInput | kOutput},
    {TaskKind::take_backward, Runner::rearrangement, kInput | kOutput},
    {TaskKind::pool, Runner::pooling, kInput | kOutput},
    {TaskKind::pool_backward, Runner::pooling, kInput | kOutput | kGradient | kInputGradient},
    {TaskKind::embedding_forward, Runner::embedding, kInput | kOutput},
};

const StageRow& row_of(TaskKind kind) {
  const auto is_kind = [kind](const StageRow& row) { return row.task == kind; };
  const auto* const found = std::find_if(std::begin(kStageRows), std::end(kStageRows), is_kind);
  if (found == std::end(kStageRows)) throw std::logic_error("no stage runs a task of this kind");
  return *found;
}

bool is_activation(StageKind kind) {
  return kind == StageKind::activation_forward || kind == StageKind::activation_backward;
}

// Whether the stage of a product also applies the activation that follows the product, or its
// derivative.
bool takes_next(const Task& task, const Task& next) {
  if (!is_pointwise(next.op.row)) return false;
  if (task.kind == TaskKind::dense_forward)
    return next.kind == TaskKind::activation_forward && next.input == task.output;
  return task.kind == TaskKind::dense_backward_input &&
         next.kind == TaskKind::activation_backward && next.gradient == task.input_gradient;
}

void take(PlannedStage& product, const Task& activation) {
  product.op = record_of(activation.op);
  PlannedStage::Tensors& tensors = product.tensors;
  if (product.kind == StageKind::dense_backward_input) {
    tensors.z = activation.input;
  } else {
    tensors.z = activation.output != tensors.output ? tensors.output : -1;
  }
  tensors.output = activation.output;
}

bool is_dense_weights(const Task* task) { return task->kind == TaskKind::dense_backward_weights; }

bool moves_features(Runner runner) {
  return runner == Runner::rearrangement || runner == Runner::pooling;
}

// Whether slice_kernel can run the stages of this runner.
bool runs_in_slices(Runner runner) {
  return runner == Runner::elements || runner == Runner::rows || runner == Runner::product;
}

}  // namespace

PassPlan::PassPlan(const Program& program, const Pass& pass)
    : program(program), pass(pass), predicts(&pass == &program.predict) {
  if (pass.tasks.empty()) return;
  add_launches();
  find_bound_input();
  find_slice();
  find_copies();
}

// ----------------------------------------------------------------------------------------------
// launches

void PassPlan::add_launches() {
  for (const Segment& segment : segments_of(pass)) {
    switch (segment.axis) {
      case Axis::rows:
        add_stages(segment);
        break;
      case Axis::outputs:
        add_outputs(segment);
        break;
      case Axis::parameters:
        add_parameters(segment.begin, segment.end);
        break;
    }
  }
}

void PassPlan::add_stages(const Segment& segment) {
  const int begin = static_cast<int>(stages.size());
  for (int i = segment.begin; i < segment.end; ++i) {
    const Task& task = pass.tasks[i];
    if (task.kind == TaskKind::gather_targets) continue;
    stages.push_back(stage_of(task));
    if (i + 1 == segment.end || !takes_next(task, pass.tasks[i + 1])) continue;
    take(stages.back(), pass.tasks[++i]);
  }
  for (PlannedLaunch& launch : launches) launch.ends_rows = false;
  launches.push_back({.kind = PlannedLaunch::Kind::stages,
                      .begin = begin,
                      .end = static_cast<int>(stages.size()),
                      .ends_rows = true});
}

PlannedStage PassPlan::stage_of(const Task& task) const {
  const StageRow& row = row_of(task.kind);
  const auto used = [&](unsigned use, int tensor) { return (row.uses & use) != 0 ? tensor : -1; };
  const int whole = task.output >= 0 ? task.output : task.input;
  PlannedStage stage{};
  stage.task = &task;
  stage.runner = row.runner;
  stage.kind = row.kind;
  stage.units = pass.features[whole];
  stage.positions = moves_features(row.runner) ? 1 : pass.positions[whole];
  stage.tensors = {.input = used(kInput, task.input),
                   .z = used(kZ, task.input),
                   .output = used(kOutput, task.output),
                   .auxiliary = used(kAuxiliary, task.auxiliary),
                   .gradient = used(kGradient, task.gradient),
                   .input_gradient = used(kInputGradient, task.input_gradient)};
  if (task.side != 0) stage.kind = StageKind::merge_backward_second;
  if (row.runner == Runner::product) {
    stage.inputs = pass.features[task.input];
    stage.wide = is_wide(program, task.kernel);
    return stage;
  }
  stage.op = record_of(task.op);
  if (is_activation(row.kind) && !is_pointwise(task.op.row)) stage.runner = Runner::rows;
  return stage;
}

void PassPlan::add_outputs(const Segment& segment) {
  // A segment that begins with such a task has only tasks that work on whole rows and columns of
  // parameters.
  const TaskKind first = pass.tasks[segment.begin].kind;
  if (first == TaskKind::exchange) {
    exchange = static_cast<int>(launches.size());
    return add_parameters(segment.begin + 1, segment.end);
  }
  if (first == TaskKind::matrix_penalty || first == TaskKind::constrain)
    return add_parameters(segment.begin, segment.end);
  PlannedLaunch channels{.kind = PlannedLaunch::Kind::channels};
  // Tasks that add to the same gradient run in launches of their own, one after the other.
  std::vector<PlannedLaunch> weights;
  std::map<int, std::size_t> uses;
  for (int i = segment.begin; i < segment.end; ++i) {
    const Task* const task = &pass.tasks[i];
    if (!is_dense_weights(task)) {
      channels.tasks.push_back(task);
      continue;
    }
    const std::size_t use = uses[task->kernel]++;
    if (use == weights.size()) weights.push_back({.kind = PlannedLaunch::Kind::weights});
    PlannedLaunch& launch = weights[use];
    (is_wide(program, task->kernel) ? launch.wide_tasks : launch.tasks).push_back(task);
  }
  // The launches of the dense layers come last because the last one can end the step.
  if (!channels.tasks.empty()) launches.push_back(std::move(channels));
  launches.insert(launches.end(), weights.begin(), weights.end());
}

void PassPlan::add_parameters(int begin, int end) {
  std::vector<TaskKind> kinds;
  for (int i = begin; i < end; ++i) {
    const TaskKind kind = pass.tasks[i].kind;
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end()) continue;
    kinds.push_back(kind);
    launches.push_back({.kind = PlannedLaunch::Kind::parameters, .task = kind});
  }
}

std::vector<const Task*> PassPlan::tasks_of_weights() const {
  std::vector<const Task*> all;
  for (const PlannedLaunch& launch : launches) {
    all.insert(all.end(), launch.tasks.begin(), launch.tasks.end());
    all.insert(all.end(), launch.wide_tasks.begin(), launch.wide_tasks.end());
  }
  return all;
}

// ----------------------------------------------------------------------------------------------
// tensors

// If only dense layers read the input, they read the bound data, and the plan has no input tensor.
void PassPlan::find_bound_input() {
  const int input = pass.tasks.front().output;
  reads_bound_input =
      std::find(pass.outputs.begin(), pass.outputs.end(), input) == pass.outputs.end();
  for (std::size_t i = 1; i < stages.size(); ++i) {
    PlannedStage::Tensors others = stages[i].tensors;
    const bool reads = others.input == input;
    if (stages[i].kind == StageKind::dense_forward) others.input = -1;
    if (others.contain(input)) reads_bound_input = false;
    // Products of wide layers read floats from a tensor, or bfloat16 copies. Only copies can be
    // made from the bound data.
    if (stages[i].wide && reads && !reads_copies(program)) reads_bound_input = false;
  }
}

// Plans one slice for small layers, if no task among them needs the whole batch. If the pass reads
// the bound input, the slice begins after the first product.
void PassPlan::find_slice() {
  const std::size_t count = pass.features.size();
  const std::size_t first = reads_bound_input ? 2 : 0;
  std::int64_t weights = 0;
  bool fits = stages.size() > first && stages.size() - first <= kMostSliceStages;
  std::vector<bool> inside(count, false), outside(count, false), wanted(count, false);
  for (std::size_t i = first; i < stages.size(); ++i) {
    const PlannedStage& stage = stages[i];
    // A slice reads tensors, and not the bound data.
    const bool reads_data = reads_bound_input && stage.tensors.input == pass.tasks.front().output;
    fits = fits && runs_in_slices(stage.runner) && !reads_data;
    weights += std::int64_t{stage.inputs} * stage.units;
    for (std::size_t t = 0; t < count; ++t) {
      if (stage.tensors.contain(static_cast<int>(t))) inside[t] = true;
    }
  }
  for (std::size_t i = first_stage(); i < first; ++i) {
    for (const int tensor : {stages[i].tensors.output, stages[i].tensors.z}) {
      if (tensor >= 0) outside[tensor] = true;
    }
  }
  for (const Task* task : tasks_of_weights()) {
    wanted[task->input] = !reads_bound(*task);
    if (task->gradient >= 0) wanted[task->gradient] = true;
  }
  if (pass.input_gradient >= 0) wanted[pass.input_gradient] = true;
  if (predicts || program.captures)
    for (const int output : pass.outputs) wanted[output] = true;

  PlannedSlice found{.first = static_cast<int>(first),
                     .loads = {},
                     .saves = {},
                     .shared_offsets = std::vector<int>(count, 0),
                     .shared_floats = kSliceScratch};
  int features = 0;
  for (std::size_t t = 0; t < count; ++t) {
    if (!inside[t]) continue;
    if (outside[t]) found.loads.push_back(static_cast<int>(t));
    if (!outside[t] && wanted[t]) found.saves.push_back(static_cast<int>(t));
    found.shared_offsets[t] = found.shared_floats;
    found.shared_floats += kSliceRows * padded(pass.features[t]);
    features += padded(pass.features[t]);
  }
  const auto is_stages = [](const PlannedLaunch& launch) {
    return launch.kind == PlannedLaunch::Kind::stages;
  };
  fits = fits && std::count_if(launches.begin(), launches.end(), is_stages) == 1 &&
         weights <= kMostSliceWeights && features <= kMostSliceFeatures &&
         found.loads.size() <= kMostSliceLoads && found.saves.size() <= kMostSliceSaves;
  in_memory.assign(count, false);
  for (std::size_t t = 0; t < count; ++t)
    in_memory[t] = outside[t] || wanted[t] || (inside[t] && !fits);
  if (reads_bound_input) in_memory[pass.tasks.front().output] = false;
  if (fits) slice = std::move(found);
}

// Finds the tensors that wide layers read as copies. A tensor that is read only as a copy is not
// kept as floats.
void PassPlan::find_copies() {
  const std::size_t count = pass.features.size();
  copied.assign(count, false);
  if (!reads_copies(program)) return;
  std::vector<bool> read(count, false);
  const auto mark = [](std::vector<bool>& set, int tensor) {
    if (tensor >= 0) set[tensor] = true;
  };
  for (const int output : pass.outputs) mark(read, output);
  mark(read, pass.input_gradient);
  for (const PlannedLaunch& launch : launches) {
    for (const Task* task : launch.tasks) {
      mark(read, task->input);
      mark(read, task->gradient);
    }
    for (const Task* task : launch.wide_tasks) {
      mark(copied, task->input);
      mark(copied, task->gradient);
    }
  }
  for (const PlannedStage& stage : stages) {
    const PlannedStage::Tensors& tensors = stage.tensors;
    if (!stage.wide) {
      for (const int tensor : {tensors.input, tensors.z, tensors.output, tensors.auxiliary,
                               tensors.gradient, tensors.input_gradient})
        mark(read, tensor);
    } else if (stage.kind == StageKind::dense_forward) {
      mark(copied, tensors.input);
    } else {
      mark(copied, tensors.gradient);
    }
  }
  for (const PlannedStage& stage : stages) {
    if (!stage.wide || stage.kind == StageKind::dense_forward) continue;
    if (stage.op.row == row::linear) continue;
    // The derivative of ReLU needs only the sign, which is the same in the copy.
    if (stage.op.row == row::relu && copied[stage.tensors.output]) continue;
    mark(read, stage.tensors.z);
    mark(read, stage.tensors.output);
  }
  for (std::size_t t = 0; t < count; ++t) in_memory[t] = in_memory[t] && read[t];
}

}  // namespace neurode::cuda
