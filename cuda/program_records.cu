// Converts the addon's records of programs to Programs.
#include <algorithm>

#include "cuda/program_records.h"

namespace neurode::cuda {
namespace {

Op to_op(const plugin::OpRecord& record) {
  Op op{record.row, {}};
  std::copy_n(record.params, kMostParams, op.params.begin());
  return op;
}

Pass to_pass(const plugin::PassRecord& record) {
  Pass pass;
  pass.features.assign(record.features, record.features + record.tensors);
  pass.positions.assign(record.positions, record.positions + record.tensors);
  pass.statistics.assign(record.statistics, record.statistics + record.statistics_count);
  pass.input_gradient = record.input_gradient;
  pass.outputs.assign(record.outputs, record.outputs + record.output_count);
  for (int i = 0; i < record.task_count; ++i) {
    const plugin::TaskRecord& from = record.tasks[i];
    Task task{};
    task.kind = static_cast<TaskKind>(from.kind);
    task.axis = static_cast<Axis>(from.axis);
    task.waits = from.waits != 0;
    task.input = from.input;
    task.output = from.output;
    task.auxiliary = from.auxiliary;
    task.gradient = from.gradient;
    task.input_gradient = from.input_gradient;
    task.kernel = from.kernel;
    task.bias = from.bias;
    task.mean = from.mean;
    task.variance = from.variance;
    task.parameter = from.parameter;
    task.statistics = from.statistics;
    task.metric = from.metric;
    task.head = from.head;
    task.op = to_op(from.op);
    task.along = {from.length, from.inner};
    task.block = {from.block_rows, from.block_columns, from.block_inner};
    task.begin = from.begin;
    task.side = from.side;
    task.counts = from.counts != 0;
    task.adds = from.adds != 0;
    task.completes = from.completes != 0;
    task.bag = {from.bag_indices, from.bag_averages != 0};
    task.seed = from.seed;
    task.scale = from.scale;
    task.offset = from.offset;
    pass.tasks.push_back(task);
  }
  return pass;
}

Parameter to_parameter(const plugin::ParameterRecord& record) {
  Parameter parameter{};
  parameter.layout = static_cast<Layout>(record.layout);
  parameter.rows = record.rows;
  parameter.columns = record.columns;
  parameter.positions = record.positions;
  parameter.uses = record.uses;
  parameter.trainable = record.trainable != 0;
  parameter.decays = record.decays != 0;
  parameter.padding = record.padding;
  parameter.update = static_cast<Update>(record.update);
  if (record.regularizer.row >= 0) parameter.regularizer = to_op(record.regularizer);
  parameter.constraint = {static_cast<Constraint::Kind>(record.constraint),
                          record.least,
                          record.most,
                          record.rate,
                          {record.length, record.inner}};
  return parameter;
}

Head to_head(const plugin::HeadRecord& record) {
  Head head;
  head.outputs = record.outputs;
  head.positions = record.positions;
  head.first_output = record.first_output;
  head.first_position = record.first_position;
  head.first_metric = record.first_metric;
  head.metrics = record.metrics;
  head.weighted_from = record.weighted_from;
  head.first_value = record.first_value;
  head.reduction = static_cast<Reduction>(record.reduction);
  head.has_loss = record.has_loss != 0;
  head.takes_gradients = record.takes_gradients != 0;
  head.loss_weight = record.loss_weight;
  return head;
}

UpdatePlan to_update(const plugin::UpdateRecord& record) {
  UpdatePlan plan;
  plan.optimizer = to_op(record.optimizer);
  plan.weight_decay = record.weight_decay;
  plan.clip_value = record.clip_value;
  plan.clip_norm = record.clip_norm;
  plan.global_clip_norm = record.global_clip_norm;
  plan.accumulation_steps = record.accumulation_steps;
  plan.averages = record.averages != 0;
  plan.average_momentum = record.average_momentum;
  plan.overwrite_frequency = record.overwrite_frequency;
  return plan;
}

}  // namespace

Program to_program(const plugin::ProgramRecord& record) {
  Program program;
  program.input_size = record.input_size;
  program.output_size = record.output_size;
  program.input_scale = record.input_scale;
  program.input_offset = record.input_offset;
  for (int i = 0; i < record.parameter_count; ++i) {
    program.parameters.push_back(to_parameter(record.parameters[i]));
  }
  program.predict = to_pass(record.predict);
  program.evaluate = to_pass(record.evaluate);
  program.train = to_pass(record.train);
  for (int h = 0; h < record.head_count; ++h) program.heads.push_back(to_head(record.heads[h]));
  program.update = to_update(record.update);
  program.slots = record.slots;
  program.accumulator = record.accumulator;
  program.average = record.average;
  program.parts = {record.parts, record.first_part, record.own_parts};
  program.metrics = record.metrics;
  program.activities = record.activities;
  program.positions = record.positions;
  program.values = record.values;
  program.captures = record.captures != 0;
  program.keeps_gradients = record.keeps_gradients != 0;
  program.precision = static_cast<Precision>(record.precision);
  return program;
}

}  // namespace neurode::cuda
