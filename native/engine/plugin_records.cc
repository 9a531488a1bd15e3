// Copies a Program into the plain data that the CUDA library reads.
#include "native/engine/plugin_records.h"

namespace neurode::plugin {
namespace {

using plugin::record_of;

UpdateRecord record_of(const UpdatePlan& plan) {
  return {record_of(plan.optimizer), plan.weight_decay,
          plan.clip_value,           plan.clip_norm,
          plan.global_clip_norm,     plan.accumulation_steps,
          plan.averages ? 1 : 0,     plan.average_momentum,
          plan.overwrite_frequency};
}

ParameterRecord record_of(const Parameter& parameter) {
  const Constraint& constraint = parameter.constraint;
  return {static_cast<std::int32_t>(parameter.layout),
          parameter.rows,
          parameter.columns,
          parameter.positions,
          parameter.uses,
          parameter.trainable ? 1 : 0,
          parameter.decays ? 1 : 0,
          parameter.padding,
          static_cast<std::int32_t>(parameter.update),
          record_of(parameter.regularizer.value_or(Op{-1, {}})),
          static_cast<std::int32_t>(constraint.kind),
          constraint.along.length,
          constraint.along.inner,
          constraint.least,
          constraint.most,
          constraint.rate};
}

std::vector<TaskRecord> records_of(const Pass& pass) {
  std::vector<TaskRecord> records;
  for (const Task& task : pass.tasks) {
    records.push_back({static_cast<std::int32_t>(task.kind),
                       static_cast<std::int32_t>(task.axis),
                       task.waits ? 1 : 0,
                       task.input,
                       task.output,
                       task.auxiliary,
                       task.gradient,
                       task.input_gradient,
                       task.kernel,
                       task.bias,
                       task.mean,
                       task.variance,
                       task.parameter,
                       task.statistics,
                       task.metric,
                       task.head,
                       record_of(task.op),
                       task.along.length,
                       task.along.inner,
                       task.block.rows,
                       task.block.columns,
                       task.block.inner,
                       task.begin,
                       task.side,
                       task.counts ? 1 : 0,
                       task.adds ? 1 : 0,
                       task.completes ? 1 : 0,
                       task.bag.indices,
                       task.bag.averages ? 1 : 0,
                       task.scale,
                       task.offset,
                       task.seed});
  }
  return records;
}

PassRecord record_of(const Pass& pass, const std::vector<TaskRecord>& tasks) {
  return {pass.features.data(),
          pass.positions.data(),
          static_cast<std::int32_t>(pass.features.size()),
          pass.statistics.data(),
          static_cast<std::int32_t>(pass.statistics.size()),
          tasks.data(),
          static_cast<std::int32_t>(tasks.size()),
          pass.outputs.data(),
          static_cast<std::int32_t>(pass.outputs.size()),
          pass.input_gradient};
}

HeadRecord record_of(const Head& head) {
  return {head.outputs,
          head.positions,
          head.first_output,
          head.first_position,
          head.first_metric,
          head.metrics,
          head.weighted_from,
          head.first_value,
          static_cast<std::int32_t>(head.reduction),
          head.has_loss ? 1 : 0,
          head.takes_gradients ? 1 : 0,
          head.loss_weight};
}

}  // namespace

ProgramRecords::ProgramRecords(const Program& program)
    : predict_(records_of(program.predict)),
      evaluate_(records_of(program.evaluate)),
      train_(records_of(program.train)) {
  for (const Parameter& parameter : program.parameters) parameters_.push_back(record_of(parameter));
  for (const Head& head : program.heads) heads_.push_back(record_of(head));
  record_.input_size = program.input_size;
  record_.output_size = program.output_size;
  record_.input_scale = program.input_scale;
  record_.input_offset = program.input_offset;
  record_.parameters = parameters_.data();
  record_.parameter_count = static_cast<std::int32_t>(parameters_.size());
  record_.predict = record_of(program.predict, predict_);
  record_.evaluate = record_of(program.evaluate, evaluate_);
  record_.train = record_of(program.train, train_);
  record_.heads = heads_.data();
  record_.head_count = static_cast<std::int32_t>(heads_.size());
  record_.update = record_of(program.update);
  record_.slots = program.slots;
  record_.accumulator = program.accumulator;
  record_.average = program.average;
  record_.parts = program.parts.count;
  record_.first_part = program.parts.first;
  record_.own_parts = program.parts.mine;
  record_.metrics = program.metrics;
  record_.activities = program.activities;
  record_.positions = program.positions;
  record_.values = program.values;
  record_.captures = program.captures ? 1 : 0;
  record_.keeps_gradients = program.keeps_gradients ? 1 : 0;
  record_.precision = static_cast<std::int32_t>(program.precision);
}

}  // namespace neurode::plugin
