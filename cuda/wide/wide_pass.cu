// The wide layers of a pass: what their products read and leave.
#include <algorithm>

#include "cuda/kernels/functors.h"
#include "cuda/pass.h"

namespace neurode::cuda {

bool PassRunner::is_wide(const Draft& draft) const {
  const bool dense = draft.stage.kind == StageKind::dense_forward ||
                     draft.stage.kind == StageKind::dense_backward_input;
  return dense && wide_.takes(draft.kernel);
}

// Which tensors wide layers read as copies, and which nobody reads but as a copy.
void PassRunner::find_copies() {
  const std::size_t tensors = pass_.features.size();
  copied_.assign(tensors, false);
  if (!wide_.reads_copies()) return;
  std::vector<bool> read(tensors, false);
  const auto mark = [](std::vector<bool>& set, int tensor) {
    if (tensor >= 0) set[tensor] = true;
  };
  mark(read, pass_.output);
  for (const Task& task : wide_weights_) {
    mark(copied_, task.input);
    mark(copied_, task.gradient);
  }
  for (const Task& task : weights_) {
    mark(read, task.input);
    mark(read, task.gradient);
  }
  for (const Draft& draft : drafts_) {
    if (!is_wide(draft)) {
      for (const int tensor : {draft.input, draft.z, draft.output, draft.auxiliary, draft.gradient,
                               draft.input_gradient})
        mark(read, tensor);
    } else if (draft.stage.kind == StageKind::dense_forward) {
      mark(copied_, draft.input);
    } else {
      mark(copied_, draft.gradient);
    }
  }
  for (const Draft& draft : drafts_) {
    if (!is_wide(draft) || draft.stage.kind == StageKind::dense_forward) continue;
    if (draft.stage.op.row == row::linear) continue;
    // A sign is the same in a copy.
    if (draft.stage.op.row == row::relu && copied_[draft.output]) continue;
    mark(read, draft.z);
    mark(read, draft.output);
  }
  for (std::size_t t = 0; t < tensors; ++t) used_[t] = used_[t] && read[t];
}

std::int64_t PassRunner::copy_elements(int rows) const {
  std::int64_t elements = 0;
  for (std::size_t t = 0; t < copied_.size(); ++t) {
    if (copied_[t]) elements += std::int64_t{rows} * padded_copy(pass_.features[t]);
  }
  return elements;
}

void PassRunner::place_copies(int rows, BFloat16* memory) {
  copies_.assign(copied_.size(), Copy{});
  for (std::size_t t = 0; t < copied_.size(); ++t) {
    if (!copied_[t]) continue;
    copies_[t] = {memory, padded_copy(pass_.features[t])};
    memory += std::int64_t{rows} * copies_[t].stride;
  }
}

// A row of a prediction must not depend on the others: no library there.
bool PassRunner::uses_library() const { return wide_.has_library() && &pass_ != &program_.predict; }

const LibraryMemory* PassRunner::library() const {
  return uses_library() ? &library_memory_ : nullptr;
}

std::int64_t PassRunner::library_sums(int rows) const {
  std::int64_t most = 0;
  for (const Draft& draft : drafts_) {
    if (!uses_library() || !is_wide(draft)) continue;
    const bool forward = draft.stage.kind == StageKind::dense_forward;
    most = std::max(
        most, std::int64_t{rows} * padded_copy(forward ? draft.stage.units : draft.stage.inputs));
  }
  return most;
}

std::int64_t PassRunner::library_gradients() const {
  std::int64_t most = 0;
  for (const Task& task : wide_weights_) {
    if (!uses_library()) continue;
    most =
        std::max(most, std::int64_t{pass_.features[task.input]} * parameters_.stride(task.kernel));
  }
  return most;
}

std::vector<WeightsSplit> PassRunner::wide_splits(int rows) const {
  std::vector<WeightsSplit> splits;
  for (const Task& task : wide_weights_)
    splits.emplace_back(rows, pass_.features[task.input], pass_.features[task.output]);
  return splits;
}

Copy PassRunner::copy_of(int tensor) const {
  return tensor >= 0 && !copies_.empty() ? copies_[tensor] : Copy{};
}

Tensor PassRunner::tensor(int index) const {
  return index < 0 ? Tensor{} : Tensor{tensors_[index].data, tensors_[index].stride};
}

// The tensor as a product's operand; its copy is made if what wrote it last did not.
Matrix PassRunner::operand(Launcher& launcher, const StepRecord& step, int index,
                           std::vector<bool>& fresh) const {
  const Copy copy = copy_of(index);
  const Tensor floats = tensor(index);
  if (copy.stride == 0) return {floats.data, floats.stride};
  if (!fresh[index]) {
    round_to_bfloat16(launcher, floats, step.state, step.rows, pass_.features[index], copy);
    fresh[index] = true;
  }
  return {copy.data, copy.stride};
}

void PassRunner::enqueue_wide(Launcher& launcher, const Draft& draft, const StepRecord& step,
                              std::vector<bool>& fresh) const {
  const Stage& stage = draft.stage;
  if (stage.kind == StageKind::dense_forward) {
    ForwardProduct product{};
    product.input = operand(launcher, step, draft.input, fresh);
    product.kernel = wide_.kernel(draft.kernel);
    product.rows = step.rows;
    product.inputs = stage.inputs;
    product.units = stage.units;
    product.bias = stage.bias;
    product.op = stage.op;
    product.z = tensor(draft.z);
    product.output = tensor(draft.output);
    product.copy = copy_of(draft.output);
    wide_.forward(launcher, product, library());
    fresh[draft.output] = true;
    return;
  }
  BackwardProduct product{};
  product.gradient = operand(launcher, step, draft.gradient, fresh);
  product.kernel = wide_.kernel(draft.kernel);
  product.rows = step.rows;
  product.inputs = stage.inputs;
  product.units = stage.units;
  product.op = stage.op;
  product.z = tensor(draft.z);
  product.output = tensor(draft.output);
  product.output_copy = copy_of(draft.output);
  product.input_gradient = tensor(draft.input_gradient);
  product.copy = copy_of(draft.input_gradient);
  wide_.backward_input(launcher, product, library());
  fresh[draft.input_gradient] = true;
}

void PassRunner::enqueue_wide_weights(Launcher& launcher, const Launch& weights,
                                      const StepRecord& step, std::vector<bool>& fresh) const {
  if (weights.wide_begin == weights.wide_end) return;
  std::uint32_t* counters = wide_counters_;
  float* partials = wide_partials_;
  const std::vector<WeightsSplit> splits = wide_splits(capacity_);
  for (int i = weights.wide_begin; i < weights.wide_end; ++i) {
    const Task& task = wide_weights_[i];
    WeightsProduct product{};
    product.input = operand(launcher, step, task.input, fresh);
    product.gradient = operand(launcher, step, task.gradient, fresh);
    product.rows = step.rows;
    product.inputs = pass_.features[task.input];
    product.units = pass_.features[task.output];
    product.kernel = parameters_.record(task.kernel);
    product.bias = parameters_.record(task.bias);
    product.kernel_stride = parameters_.stride(task.kernel);
    if (!product.kernel.stores) product.kernel_copy = wide_.kernel_copy(task.kernel);
    product.optimizer = record_of(program_.update.optimizer);
    product.state = step.state;
    wide_.backward_weights(launcher, product, splits[i], counters, partials, library());
    counters += splits[i].counters();
    partials += splits[i].partial_floats();
  }
}

}  // namespace neurode::cuda
