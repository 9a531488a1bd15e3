// Tasks over the whole batch whose parameters belong to channels or to vectors of a table: each
// thread takes some of them.
#include "native/cpu/executor.h"

namespace neurode::cpu {

void CpuExecutor::add_statistics() {
  for (const int channels : program_.train.statistics) {
    const std::int64_t stride = round_up(channels, kAlignment);
    float* const first = statistics_memory_.emplace_back(kStatistics * stride).data();
    statistics_.push_back(
        {first, first + stride, first + 2 * stride, first + 3 * stride, first + 4 * stride});
  }
}

BatchLines CpuExecutor::batch_lines(const Task& task, const TrainingStep& step) const {
  BatchLines lines{};
  lines.along = task.along;
  lines.features = program_.train.features[task.input];
  lines.panels = step.cut.panels();
  lines.panel_rows = step.cut.rows.data();
  lines.step = train_.size;
  lines.x = step.memory + train_.offset[task.input];
  if (task.gradient >= 0) lines.gradient = step.memory + train_.offset[task.gradient];
  return lines;
}

// The arena of a vector that learns, else null.
float* CpuExecutor::gradient_of(int parameter) {
  const bool learns = parameter >= 0 && program_.parameters[parameter].update != Update::none;
  return learns ? weights_[parameter].gradient.data() : nullptr;
}

void CpuExecutor::run_on_channels(const Task& task, const TrainingStep& step, int thread,
                                  int threads) {
  BatchLines lines = batch_lines(task, step);
  const int channels = task.along.length == 0 ? lines.features : task.along.length;
  const Part groups = part(round_up(channels, kGroup) / kGroup, thread, threads);
  lines.begin = groups.begin * kGroup;
  lines.end = std::min(groups.end * kGroup, channels);
  if (lines.begin >= lines.end) return;
  if (task.kind == TaskKind::batch_statistics) {
    const auto moving = [&](int parameter) {
      return step.update ? weights_[parameter].values.data() : nullptr;
    };
    return kernels_.batch_statistics(task.op, lines, values(task.kernel),
                                     statistics_[task.statistics], moving(task.mean),
                                     moving(task.variance));
  }
  float* const by_kernel = gradient_of(task.kernel);
  float* const by_bias = gradient_of(task.bias);
  if (task.kind == TaskKind::batch_sums) {
    kernels_.batch_sums(lines, statistics_[task.statistics], by_kernel, by_bias);
  } else {
    kernels_.feature_gradients(task.op, lines, by_kernel, by_bias);
  }
  if (by_kernel != nullptr) finish_gradient(task.kernel, lines.begin, lines.end, step);
  if (by_bias != nullptr) finish_gradient(task.bias, lines.begin, lines.end, step);
}

void CpuExecutor::embedding_gradients(const Task& task, const TrainingStep& step, int thread,
                                      int threads) {
  BatchLines lines = batch_lines(task, step);
  const Table vectors = table(task);
  const Part mine = part(vectors.count, thread, threads);
  lines.begin = mine.begin;
  lines.end = mine.end;
  kernels_.embedding_gradients(lines, vectors, gradient_of(task.kernel));
}

}  // namespace neurode::cpu
