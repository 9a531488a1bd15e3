// Tests the plans of passes without a device: which tasks are fused, which run in one kernel, and
// which tensors are kept.
#include "cuda/pass_plan.h"

#include <algorithm>
#include <stdexcept>
#include <vector>

#include "native/engine/op_table.h"
#include "tools/cuda-emulator/tests/emulator_test.h"

namespace {

using namespace neurode;
using namespace neurode::cuda;
using Kind = PlannedLaunch::Kind;

int activation(const char* name) { return op_row(OpKind::activation, name); }

LayerPlan dense(int units, const char* function) {
  LayerPlan layer{};
  layer.kind = LayerKind::dense;
  layer.units = units;
  layer.use_bias = true;
  layer.activation = {activation(function), {}};
  return layer;
}

LayerPlan batch_normalization() {
  LayerPlan layer{};
  layer.kind = LayerKind::batch_normalization;
  layer.use_bias = true;
  return layer;
}

Program program_of(int inputs, const std::vector<LayerPlan>& layers,
                   Precision precision = Precision::float32) {
  Plan plan{inputs, layers, precision, TrainingPlan{}};
  HeadPlan head;
  head.loss = {op_row(OpKind::loss, "meanSquaredError"), {}};
  plan.training->heads = {head};
  plan.training->update.optimizer = {op_row(OpKind::optimizer, "sgd"), {}};
  return compile(plan);
}

std::vector<Kind> kinds_of(const PassPlan& plan) {
  std::vector<Kind> kinds;
  for (const PlannedLaunch& launch : plan.launches) kinds.push_back(launch.kind);
  return kinds;
}

int count_of(const PassPlan& plan, Runner runner) {
  return static_cast<int>(
      std::count_if(plan.stages.begin(), plan.stages.end(),
                    [runner](const PlannedStage& stage) { return stage.runner == runner; }));
}

// The stages are a gather, the first product, and one kernel for the rest. Then come the products
// of the weights.
void slices() {
  const Program program = program_of(150, {dense(17, "tanh"), dense(5, "softmax")});
  const PassPlan plan(program, program.train);
  CHECK((kinds_of(plan) == std::vector<Kind>{Kind::stages, Kind::weights}));
  CHECK(plan.launches.back().tasks.size() == 2 && plan.launches.back().wide_tasks.empty());
  CHECK(plan.reads_bound_input && plan.first_stage() == 1);
  CHECK(!plan.in_memory[program.train.tasks.front().output]);
  const PlannedStage& first = plan.stages[1];
  CHECK(first.kind == StageKind::dense_forward && first.op.row == activation("tanh"));
  CHECK(first.inputs == 150 && first.units == 17 && !first.wide);
  CHECK(plan.slice && plan.slice->first == 2);
  // The slice loads the output of the first product, and saves the gradients of both layers.
  CHECK(plan.slice && plan.slice->loads == std::vector<int>{first.tensors.output});
  CHECK(plan.slice && plan.slice->saves.size() == 2);
  for (const Task* task : plan.launches.back().tasks) CHECK(plan.in_memory[task->gradient]);
  CHECK(count_of(plan, Runner::product) == 3);
  CHECK(count_of(plan, Runner::rows) == 3);  // softmax, its derivative, the loss
}

void predictions_keep_the_output() {
  const Program program = program_of(150, {dense(17, "tanh"), dense(5, "softmax")});
  const PassPlan predict(program, program.predict), evaluate(program, program.evaluate);
  CHECK(predict.predicts && predict.in_memory[program.predict.outputs.front()]);
  CHECK(predict.slice && predict.slice->saves == program.predict.outputs);
  CHECK(!evaluate.predicts && evaluate.slice && evaluate.slice->saves.empty());
}

void no_slice() {
  // Batch normalization needs the statistics of the whole batch, so there is no slice.
  const Program normalized =
      program_of(150, {dense(17, "relu"), batch_normalization(), dense(5, "linear")});
  const PassPlan plan(normalized, normalized.train);
  CHECK((kinds_of(plan) == std::vector<Kind>{Kind::stages, Kind::channels, Kind::stages,
                                             Kind::channels, Kind::stages, Kind::weights}));
  CHECK(!plan.slice);
  CHECK(count_of(plan, Runner::channels) == 2);
  // There are too many weights: each block of a slice would read all of them.
  const Program large = program_of(20, {dense(400, "relu"), dense(400, "relu")});
  CHECK(!PassPlan(large, large.train).slice);
}

void fused_activations() {
  // Products apply pointwise activations and their derivatives, but not softmax.
  const Program program =
      program_of(20, {dense(400, "relu"), dense(400, "softmax"), dense(3, "linear")});
  const PassPlan plan(program, program.train);
  CHECK(count_of(plan, Runner::elements) == 1);  // the gather
  for (const PlannedStage& stage : plan.stages) {
    if (stage.kind == StageKind::dense_forward && stage.units == 400 && stage.inputs == 20)
      CHECK(stage.op.row == activation("relu"));
    if (stage.kind == StageKind::dense_forward && stage.inputs == 400)
      CHECK(stage.op.row == activation("linear"));
    if (stage.kind == StageKind::dense_backward_input)
      CHECK((stage.op.row == activation("relu")) == (stage.units == 400));
    if (stage.kind == StageKind::activation_forward) CHECK(stage.runner == Runner::rows);
  }
}

void wide_layers() {
  const std::vector<LayerPlan> layers = {dense(512, "relu"), dense(512, "relu"),
                                         dense(3, "linear")};
  const auto input = [](const Program& program) { return program.train.tasks.front().output; };
  const Program rounded = program_of(512, layers, Precision::bfloat16);
  const PassPlan copies(rounded, rounded.train);
  CHECK(copies.launches.back().wide_tasks.size() == 2);
  CHECK(copies.launches.back().tasks.size() == 1);
  // The copy of the input is made from the bound data. A hidden layer's output exists only as a
  // copy.
  CHECK(copies.reads_bound_input && copies.copied[input(rounded)]);
  const PlannedStage& first = copies.stages[1];
  CHECK(first.wide && copies.copied[first.tensors.output]);
  CHECK(!copies.in_memory[first.tensors.output]);
  // TensorFloat-32 products read the floats.
  const Program floats = program_of(512, layers, Precision::tf32);
  const PassPlan plain(floats, floats.train);
  CHECK(!plain.reads_bound_input && plain.in_memory[input(floats)]);
  CHECK(std::find(plain.copied.begin(), plain.copied.end(), true) == plain.copied.end());
}

void updates() {
  Plan plan{10, {dense(4, "linear"), dense(3, "linear")}, Precision::float32, TrainingPlan{}};
  HeadPlan head;
  head.loss = {op_row(OpKind::loss, "meanSquaredError"), {}};
  plan.training->heads = {head};
  plan.training->update.optimizer = {op_row(OpKind::optimizer, "sgd"), {}};
  plan.training->update.global_clip_norm = 1;
  const Program program = compile(plan);
  const PassPlan pass(program, program.train);
  // There is one launch for each kind of task, for all parameters.
  CHECK((kinds_of(pass) ==
         std::vector<Kind>{Kind::stages, Kind::weights, Kind::parameters, Kind::parameters}));
  CHECK(pass.launches[2].task == TaskKind::gradient_norm);
  CHECK(pass.launches[3].task == TaskKind::update);
}

// What comes before the exchange runs for each part of a batch.
void parts() {
  Plan plan{10, {dense(4, "linear"), batch_normalization()}, Precision::float32, TrainingPlan{}};
  HeadPlan head;
  head.loss = {op_row(OpKind::loss, "meanSquaredError"), {}};
  plan.training->heads = {head};
  plan.training->update.optimizer = {op_row(OpKind::optimizer, "sgd"), {}};
  plan.training->parts = {4, 2, 2};
  const Program program = compile(plan);
  const PassPlan pass(program, program.train);
  const auto kinds = kinds_of(pass);
  CHECK(pass.exchange == static_cast<int>(kinds.size()) - 1);
  CHECK(std::count(kinds.begin(), kinds.end(), Kind::parameters) == 1);
  CHECK(pass.launches[pass.exchange].task == TaskKind::update);
  CHECK(PassPlan(program, program.evaluate).exchange == -1);
}

// A kind of task that is missing in the table of stages is an error.
void unknown_tasks() {
  Program program = program_of(10, {dense(3, "linear")});
  program.train.tasks[1].kind = static_cast<TaskKind>(1000);
  bool thrown = false;
  try {
    const PassPlan plan(program, program.train);
  } catch (const std::logic_error&) {
    thrown = true;
  }
  CHECK(thrown);
}

}  // namespace

void plans_of_passes() {
  slices();
  predictions_keep_the_output();
  no_slice();
  fused_activations();
  wide_layers();
  updates();
  parts();
  unknown_tasks();
}
