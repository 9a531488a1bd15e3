// The records that the kernels of a pass get: what its tasks are, on the tensors in memory.
#include "cuda/pass.h"

namespace neurode::cuda {
namespace {

// `place(tensor)` returns the place of a tensor in memory.
template <class Place>
void point_at(Stage& stage, const PlannedStage::Tensors& tensors, const Place& place) {
  stage.input = place(tensors.input);
  stage.z = place(tensors.z);
  stage.output = place(tensors.output);
  stage.auxiliary = place(tensors.auxiliary);
  stage.gradient = place(tensors.gradient);
  stage.input_gradient = place(tensors.input_gradient);
}

}  // namespace

void PassRunner::lay_out_slice() {
  const PlannedSlice& planned = *plan_.slice;
  const std::vector<int>& features = plan_.pass.features;
  const auto shared = [&](int tensor) {
    return tensor < 0 ? Operand{}
                      : Operand{nullptr, planned.shared_offsets[tensor], padded(features[tensor])};
  };
  const auto copy = [&](int tensor) {
    return SliceCopy{tensors_[tensor], shared(tensor), features[tensor]};
  };
  slice_ = Slice{};
  slice_.shared_floats = planned.shared_floats;
  for (std::size_t i = planned.first; i < plan_.stages.size(); ++i) {
    Stage& stage = slice_.stages[slice_.count++];
    stage = on_device(plan_.stages[i]);
    point_at(stage, plan_.stages[i].tensors, shared);
  }
  for (const int tensor : planned.loads) slice_.loads[slice_.load_count++] = copy(tensor);
  for (const int tensor : planned.saves) slice_.saves[slice_.save_count++] = copy(tensor);
}

// The line of a task's values: losses come first, then metrics, then penalties of outputs.
int PassRunner::line_of(const Task& task) const {
  return task.metric < 0 ? task.head : static_cast<int>(program_.heads.size()) + task.metric;
}

Stage PassRunner::on_device(const PlannedStage& planned) const {
  const Task& task = *planned.task;
  Stage stage{};
  stage.kind = planned.kind;
  stage.inputs = planned.runner == Runner::product ? planned.inputs : task.head;
  stage.units = planned.units;
  stage.line = line_of(task);
  stage.op = planned.op;
  stage.length = task.along.length;
  stage.inner = task.along.inner;
  stage.scale = task.scale;
  stage.offset = task.offset;
  stage.seed = task.seed;
  if (planned.runner == Runner::product) {
    stage.kernel = parameters_.values(task.kernel);
    stage.kernel_stride = parameters_.stride(task.kernel);
    stage.bias = parameters_.values(task.bias);
  }
  point_at(stage, planned.tensors,
           [&](int tensor) { return tensor < 0 ? Operand{} : tensors_[tensor]; });
  return stage;
}

ChannelRecord PassRunner::channels(const Task& task) const {
  ChannelRecord record{};
  record.kind = task.kind;
  record.features = plan_.pass.width(task.input);
  record.channels = task.along.length == 0 ? record.features : task.along.length;
  record.inner = task.along.inner;
  record.op = record_of(task.op);
  record.kernel = parameters_.values(task.kernel);
  record.bias = parameters_.values(task.bias);
  record.mean = parameters_.values(task.mean);
  record.variance = parameters_.values(task.variance);
  if (task.statistics >= 0) {
    record.statistics = statistics_[task.statistics];
    record.statistics_stride = padded(plan_.pass.statistics[task.statistics]);
  }
  record.input = tensor(task.input);
  record.output = tensor(task.output);
  record.gradient = tensor(task.gradient);
  record.input_gradient = tensor(task.input_gradient);
  return record;
}

RearrangementRecord PassRunner::rearrangement(const Task& task) const {
  return {.kind = task.kind,
          .features = plan_.pass.width(task.output),
          .input_features = plan_.pass.features[task.input],
          .output_features = plan_.pass.features[task.output],
          .block = task.block,
          .begin = task.begin,
          .counts = task.counts ? 1 : 0,
          .input = tensor(task.input),
          .output = tensor(task.output)};
}

PoolingRecord PassRunner::pooling(const Task& task) const {
  return {.op = record_of(task.op),
          .positions = task.block.rows,
          .features = plan_.pass.width(task.output),
          .input = tensor(task.input),
          .output = tensor(task.output),
          .gradient = tensor(task.gradient),
          .input_gradient = tensor(task.input_gradient)};
}

EmbeddingRecord PassRunner::embedding(const Task& task) const {
  const Parameter& table = program_.parameters[task.kernel];
  return {.indices = plan_.pass.width(task.input),
          .vectors = table.rows,
          .size = table.columns,
          .bag = task.bag.indices,
          .averages = task.bag.averages ? 1 : 0,
          .padding = table.padding,
          .table = parameters_.values(task.kernel),
          .table_stride = parameters_.stride(task.kernel),
          .input = tensor(task.input),
          .output = tensor(task.output),
          .gradient = tensor(task.gradient)};
}

EmbeddingUses PassRunner::uses_of(int table) const {
  EmbeddingUses all;
  for (const Task& task : plan_.pass.tasks)
    if (task.kind == TaskKind::embedding_gradients && task.kernel == table)
      all.uses[all.count++] = embedding(task);
  return all;
}

std::vector<WeightLayer> PassRunner::weight_layers(const PlannedLaunch& launch, int level) const {
  const Pass& pass = plan_.pass;
  std::vector<WeightLayer> layers;
  for (const Task* task : launch.tasks) {
    WeightLayer layer{};
    if (!tensors_.empty()) {
      const Tensor input = plan_.reads_bound(*task) ? Tensor{} : tensor(task->input);
      layer.input = input.data;
      layer.input_stride = input.stride;
      layer.gradient = tensors_[task->gradient].data;
      layer.gradient_stride = tensors_[task->gradient].stride;
    }
    layer.positions = pass.positions[task->output];
    layer.inputs = pass.features[task->input];
    layer.units = pass.features[task->output];
    layer.kernel_stride = parameters_.stride(task->kernel);
    layer.kernel = parameters_.record(task->kernel, task->adds, level);
    layer.bias = parameters_.record(task->bias, task->adds, level);
    layers.push_back(layer);
  }
  return layers;
}

}  // namespace neurode::cuda
