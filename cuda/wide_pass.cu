// The wide layers of a pass.
#include <algorithm>

#include "cuda/wide_pass.h"

namespace neurode::cuda {

// ----------------------------------------------------------------------------------------------
// memory

std::vector<const Task*> WidePass::tasks() const {
  std::vector<const Task*> tasks;
  for (const PlannedLaunch& launch : plan_.launches)
    tasks.insert(tasks.end(), launch.wide_tasks.begin(), launch.wide_tasks.end());
  return tasks;
}

WeightsSplit WidePass::split(const Task& task, int rows) const {
  return {rows, plan_.pass.features[task.input], plan_.pass.features[task.output]};
}

std::int64_t WidePass::library_sums(int rows) const {
  std::int64_t most = 0;
  for (const PlannedStage& stage : plan_.stages) {
    if (!uses_library() || !stage.wide) continue;
    const int width = stage.kind == StageKind::dense_forward ? stage.units : stage.inputs;
    most = std::max(most, std::int64_t{rows} * padded_copy(width));
  }
  return most;
}

std::int64_t WidePass::library_gradients() const {
  std::int64_t most = 0;
  for (const Task* task : tasks()) {
    if (!uses_library()) continue;
    const std::int64_t inputs = plan_.pass.features[task->input];
    most = std::max(most, inputs * parameters_.stride(task->kernel));
  }
  return most;
}

std::int64_t WidePass::counters(int rows) const {
  std::int64_t counters = 0;
  for (const Task* task : tasks()) counters += split(*task, rows).counters();
  return counters;
}

void WidePass::reserve(Arena& arena, int rows) {
  rows_ = rows;
  copies_.assign(plan_.copied.size(), Copy{});
  copies_at_.assign(plan_.copied.size(), 0);
  for (std::size_t t = 0; t < copies_.size(); ++t) {
    if (!plan_.copied[t]) continue;
    copies_[t].stride = padded_copy(plan_.pass.features[t]);
    copies_at_[t] = arena.place<BFloat16>(std::int64_t{rows} * copies_[t].stride);
  }
  std::int64_t partials = 0;
  for (const Task* task : tasks()) partials += split(*task, rows).partial_floats();
  partials_at_ = arena.place<float>(partials);
  sums_at_ = arena.place<float>(library_sums(rows));
  gradients_at_ = arena.place<float>(library_gradients());
}

void WidePass::use(char* memory, std::uint32_t* counters) {
  const auto floats = [memory](std::int64_t at) { return reinterpret_cast<float*>(memory + at); };
  for (std::size_t t = 0; t < copies_.size(); ++t) {
    if (plan_.copied[t]) copies_[t].data = reinterpret_cast<BFloat16*>(memory + copies_at_[t]);
  }
  partials_ = floats(partials_at_);
  counters_ = counters;
  library_ = {.sums = floats(sums_at_), .gradients = floats(gradients_at_)};
}

// ----------------------------------------------------------------------------------------------
// launches

// Returns the tensor as a product's operand. If the copy is older than the tensor, makes the copy
// first.
Matrix WidePass::operand(Launcher& launcher, const StepRecord& step, int index,
                         FreshCopies& fresh) const {
  const Copy copy = copy_of(index);
  const Tensor floats = tensor(index);
  if (copy.stride == 0) return {floats.data, floats.stride};
  if (!fresh[index]) {
    round_to_bfloat16(launcher, floats, step.state, step.rows, plan_.pass.features[index], copy);
    fresh[index] = true;
  }
  return {copy.data, copy.stride};
}

void WidePass::enqueue(Launcher& launcher, const PlannedStage& stage, const StepRecord& step,
                       FreshCopies& fresh) const {
  if (stage.kind == StageKind::dense_forward) {
    forward(launcher, stage, step, fresh);
  } else {
    backward_input(launcher, stage, step, fresh);
  }
}

void WidePass::forward(Launcher& launcher, const PlannedStage& stage, const StepRecord& step,
                       FreshCopies& fresh) const {
  const PlannedStage::Tensors& tensors = stage.tensors;
  ForwardProduct product{};
  product.input = operand(launcher, step, tensors.input, fresh);
  product.kernel = layers_.kernel(stage.task->kernel);
  product.rows = step.rows;
  product.inputs = stage.inputs;
  product.units = stage.units;
  product.bias = parameters_.values(stage.task->bias);
  product.op = stage.op;
  product.z = tensor(tensors.z);
  product.output = tensor(tensors.output);
  product.copy = copy_of(tensors.output);
  layers_.forward(launcher, product, library());
  fresh[tensors.output] = true;
}

void WidePass::backward_input(Launcher& launcher, const PlannedStage& stage, const StepRecord& step,
                              FreshCopies& fresh) const {
  const PlannedStage::Tensors& tensors = stage.tensors;
  BackwardProduct product{};
  product.gradient = operand(launcher, step, tensors.gradient, fresh);
  product.kernel = layers_.kernel(stage.task->kernel);
  product.rows = step.rows;
  product.inputs = stage.inputs;
  product.units = stage.units;
  product.op = stage.op;
  product.z = tensor(tensors.z);
  product.output = tensor(tensors.output);
  product.output_copy = copy_of(tensors.output);
  product.input_gradient = tensor(tensors.input_gradient);
  product.copy = copy_of(tensors.input_gradient);
  layers_.backward_input(launcher, product, library());
  fresh[tensors.input_gradient] = true;
}

void WidePass::enqueue_weights(Launcher& launcher, const PlannedLaunch& launch,
                               const StepRecord& step, int level, FreshCopies& fresh) const {
  std::uint32_t* counters = counters_;
  float* partials = partials_;
  for (const Task* task : launch.wide_tasks) {
    WeightsProduct product{};
    product.input = operand(launcher, step, task->input, fresh);
    product.gradient = operand(launcher, step, task->gradient, fresh);
    product.rows = step.rows;
    product.inputs = plan_.pass.features[task->input];
    product.units = plan_.pass.features[task->output];
    product.kernel = parameters_.record(task->kernel, false, level);
    product.bias = parameters_.record(task->bias, false, level);
    product.kernel_stride = parameters_.stride(task->kernel);
    if (!product.kernel.stores) product.kernel_copy = layers_.kernel_copy(task->kernel);
    product.optimizer = record_of(plan_.program.update.optimizer);
    product.state = step.state;
    const WeightsSplit own = split(*task, rows_);
    layers_.backward_weights(launcher, product, own, counters, partials, library());
    counters += own.counters();
    partials += own.partial_floats();
  }
}

}  // namespace neurode::cuda
