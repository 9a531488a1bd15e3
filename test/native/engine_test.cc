// The engine and the CPU executor without Node, so that the sanitizers can check them: the same
// bits for any number of threads, inference during training, cancellation.
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "native/cpu/device.h"
#include "native/cpu/instruction_sets.h"
#include "native/cpu/packed_inference.h"
#include "native/cpu/threads.h"
#include "native/devices/registry.h"
#include "native/engine/order.h"
#include "native/engine/program.h"
#include "test/native/cases.h"
#include "test/native/check.h"

namespace neurode {
namespace {

std::vector<float> all_parameters(const Executor& executor, const Program& program) {
  std::vector<float> values;
  for (std::size_t i = 0; i < program.parameters.size(); ++i) {
    const std::size_t start = values.size();
    values.resize(start + program.parameters[i].size());
    executor.get_parameter(static_cast<int>(i), values.data() + start);
  }
  return values;
}

struct Trained {
  std::vector<float> parameters;
  std::vector<float> predictions;
  Sums sums;
};

Trained train(const Case& test, const Program& program, int threads) {
  const std::atomic<bool> never{false};
  const auto device = open_device("cpu", threads);
  const auto executor = device->open(program);
  const Data data = make_data(test, program.output_size);
  Trained trained;
  std::int64_t step = 0;
  for (int epoch = 0; epoch < 2; ++epoch) {
    const std::vector<std::uint32_t> order = shuffled_order({test.rows, 5, epoch});
    BatchRange range{data.view, order.data(), test.batch, 0,
                     (test.rows + test.batch - 1) / test.batch};
    const std::vector<float> rates(range.batches, 0.05f);
    trained.sums = executor->train(range, rates.data(), step, never);
  }
  trained.parameters = all_parameters(*executor, program);
  trained.predictions.resize(static_cast<std::size_t>(test.rows) * program.output_size);
  executor->predict(data.view.input, trained.predictions.data(), never);
  executor->evaluate({data.view, nullptr, test.batch, 0, (test.rows + test.batch - 1) / test.batch},
                     never);
  InputView row = data.view.input;
  row.rows = 1;
  std::vector<float> one(program.output_size);
  executor->predict_here(row, one.data());
  for (int i = 0; i < program.output_size; ++i) {
    CHECK((one[i] - trained.predictions[i] < 1e-5f && trained.predictions[i] - one[i] < 1e-5f));
  }
  return trained;
}

void check_same(const Trained& got, const Trained& expected) {
  CHECK(got.parameters.size() == expected.parameters.size());
  CHECK(std::memcmp(got.parameters.data(), expected.parameters.data(), got.parameters.size() * 4) ==
        0);
  CHECK(std::memcmp(got.predictions.data(), expected.predictions.data(),
                    got.predictions.size() * 4) == 0);
  CHECK(got.sums.heads[0].loss == expected.sums.heads[0].loss);
  CHECK(got.sums.metrics == expected.sums.metrics);
}

void check_near(const std::vector<float>& got, const std::vector<float>& expected) {
  CHECK(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::abs(got[i] - expected[i]) < 1e-5f);
}

void same_bits_for_any_threads(const Case& test) {
  const Program program = compile(test.plan);
  const Trained expected = train(test, program, 1);
  for (const int threads : {2, 3, 7}) check_same(train(test, program, threads), expected);
}

// Moves each weight gradient directly after the step that passes on its output's gradient, so that
// the axes alternate: rows, outputs, rows, outputs, ... instead of rows, outputs.
Program with_alternating_axes(Program program) {
  std::vector<Task> tasks, weights;
  for (const Task& task : program.train.tasks) {
    (task.kind == TaskKind::dense_backward_weights ? weights : tasks).push_back(task);
  }
  for (const Task& weight : weights) {
    auto place = tasks.end();
    for (auto task = tasks.begin(); task != tasks.end(); ++task) {
      if (task->kind == TaskKind::dense_backward_input && task->kernel == weight.kernel)
        place = task + 1;
    }
    tasks.insert(place, weight);
  }
  program.train.tasks = tasks;
  return program;
}

void segments_change_no_bit(const Case& test) {
  const Program program = compile(test.plan);
  const Program alternating = with_alternating_axes(program);
  CHECK(segments_of(program.train).size() == 2);
  CHECK(segments_of(alternating.train).size() == 6);
  const Trained expected = train(test, program, 1);
  for (const int threads : {1, 2, 3, 7}) check_same(train(test, alternating, threads), expected);
}

// Updates from gradients in the arena equal fused updates.
void deferred_updates_are_updates(const Case& test) {
  const Program program = compile(test.plan);
  Program deferred = program;
  for (int i = 0; i < static_cast<int>(deferred.parameters.size()); ++i) {
    deferred.parameters[i].update = Update::deferred;
    deferred.train.tasks.push_back(
        {.kind = TaskKind::update, .axis = Axis::parameters, .parameter = i});
  }
  check_near(train(test, deferred, 3).parameters, train(test, program, 1).parameters);
}

// A limit far above all norms changes nothing. A low limit clips, with the same bits for any number
// of threads.
void norms_see_all_gradients(Case test) {
  const Program program = compile(test.plan);
  test.plan.training->update.global_clip_norm = 1e6f;
  check_near(train(test, compile(test.plan), 2).parameters, train(test, program, 1).parameters);
  test.plan.training->update.global_clip_norm = 0.01f;
  const Program clipped = compile(test.plan);
  CHECK(segments_of(clipped.train).size() == 4);
  std::vector<float> first = all_parameters(*open_device("cpu", 1)->open(clipped), clipped);
  const Trained trained = train(test, clipped, 1);
  double squares = 0;
  for (std::size_t i = 0; i < first.size(); ++i) {
    const double moved = trained.parameters[i] - first[i];
    squares += moved * moved;
  }
  const double most = 6 * 0.05 * 0.01;  // steps, learning rate, limit
  CHECK((std::sqrt(squares) > 0.3 * most && std::sqrt(squares) < 1.001 * most));
  same_bits_for_any_threads(test);
}

void frozen_layers_stay(Case test) {
  test.plan.layers[0].trainable = false;
  const Program program = compile(test.plan);
  const std::vector<float> first = all_parameters(*open_device("cpu", 1)->open(program), program);
  const Trained trained = train(test, program, 3);
  const std::size_t frozen = program.parameters[0].size() + program.parameters[1].size();
  CHECK(std::memcmp(first.data(), trained.parameters.data(), frozen * sizeof(float)) == 0);
  CHECK(std::memcmp(first.data() + frozen, trained.parameters.data() + frozen,
                    (first.size() - frozen) * sizeof(float)) != 0);
  same_bits_for_any_threads(test);
}

LayerPlan rescaling(float scale, float offset) {
  LayerPlan layer{};
  layer.kind = LayerKind::rescaling;
  layer.scale = scale;
  layer.offset = offset;
  return layer;
}

// Packed weights absorb rescalings and normalizations at any place, and give the executor's
// results.
TEST_CASE("packed weights take normalizations in") {
  const std::atomic<bool> never{false};
  const auto norm = batch_normalization;
  const Case cases[] = {
      {"before", {9, {norm(), dense(21, "relu")}}, 70, 0, false},
      {"after", {9, {dense(21, "linear"), norm(), dense(4, "softmax")}}, 70, 0, false},
      {"between activations",
       {9, {dense(21, "relu"), norm(), dense(4, "tanh"), norm()}},
       70,
       0,
       false},
      {"one after the other",
       {9, {rescaling(2, -1), norm(), norm(), dense(5, "linear"), norm(), rescaling(3, 1), norm()}},
       70,
       0,
       false},
      {"alone", {9, {norm(), rescaling(2, 1)}}, 70, 0, false},
      {"bytes",
       {9, {rescaling(1.0f / 255, -0.5f), dense(7, "linear", false), norm()}},
       33,
       0,
       true},
  };
  for (const Case& test : cases) {
    const Program program = compile(test.plan);
    const auto device = open_device("cpu", 2);
    const auto executor = device->open(program);
    std::vector<std::vector<float>> parameters;
    ParameterValues values;
    std::uint32_t state = 7;
    for (std::size_t i = 0; i < program.parameters.size(); ++i) {
      std::vector<float>& parameter = parameters.emplace_back(program.parameters[i].size());
      const bool is_variance = program.parameters[i].name.ends_with("variance");
      for (float& value : parameter) {
        state = state * 1664525 + 1013904223;
        value = static_cast<float>(state >> 8) / 0x1p24f + (is_variance ? 0.2f : -0.5f);
      }
      executor->set_parameter(static_cast<int>(i), parameter.data());
    }
    for (const auto& parameter : parameters) values.push_back(parameter.data());
    const auto packed = cpu::pack_for_inference(program, cpu::chosen_kernels(),
                                                std::make_shared<cpu::ThreadTeam>(2), values);
    CHECK_THAT(packed != nullptr, "%s: not packed", test.name);
    if (packed == nullptr) continue;
    Data data = make_data(test, program.output_size);
    data.view.input.scale = 1;
    const auto count = static_cast<std::size_t>(test.rows) * program.output_size;
    std::vector<float> expected(count), got(count);
    executor->predict(data.view.input, expected.data(), never);
    packed->predict(data.view.input, got.data(), never);
    for (std::size_t i = 0; i < count; ++i) {
      CHECK_THAT(std::abs(got[i] - expected[i]) <= 2e-5f * (1 + std::abs(expected[i])),
                 "%s: %g at %zu, expected %g", test.name, got[i], i, expected[i]);
    }
  }
}

void cancels_after_a_batch(const Case& test) {
  const Program program = compile(test.plan);
  const auto device = open_device("cpu", 2);
  const auto executor = device->open(program);
  const Data data = make_data(test, program.output_size);
  const std::atomic<bool> cancelled{true};
  std::int64_t step = 0;
  const std::vector<float> rates(2, 1e-6f);
  const BatchRange range{data.view, nullptr, test.batch, 0, 2};
  const Sums sums = executor->train(range, rates.data(), step, cancelled);
  CHECK(sums.batches == 1);
  CHECK(step == 1);
}

const std::vector<Case>& cases() {
  const Op sgd = op(OpKind::optimizer, "sgd"),
           nesterov = op(OpKind::optimizer, "momentum", 0.9f, 1);
  const char* cross_entropy = "categoricalCrossentropy";
  static const std::vector<Case> all = {
      {"reference",
       {100,
        {dense(40, "relu"), dense(20, "relu"), dense(10, "softmax")},
        Precision::float32,
        training(cross_entropy, sgd)},
       300,
       128,
       true},
      {"odd widths",
       {13,
        {dense(17, "tanh"), dense(1, "gelu"), dense(5, "softmax")},
        Precision::float32,
        training(cross_entropy, sgd)},
       101,
       33,
       false},
      {"dropout",
       {33,
        {dense(31, "mish"), dropout(0.4f), dense(3, "softmax")},
        Precision::float32,
        training(cross_entropy, nesterov)},
       97,
       40,
       false},
      {"normalization by the batch",
       {17,
        {dense(37, "linear"), batch_normalization(), parametric_relu(37, 1), dense(12, "tanh"),
         parametric_relu(3, 2), batch_normalization(), dense(3, "softmax")},
        Precision::float32,
        training(cross_entropy, nesterov)},
       109,
       40,
       false},
      {"large batch",
       {50,
        {dense(70, "sigmoid"), dense(4, "softmax")},
        Precision::float32,
        training(cross_entropy, sgd)},
       700,
       300,
       true},
      {"no bias",
       {3,
        {dense(129, "relu", false), dense(2, "linear", false)},
        Precision::float32,
        training("meanSquaredError", sgd)},
       64,
       16,
       false},
      {"few rows of wide layers",
       {270,
        {dense(260, "relu"), dropout(0.4f), dense(261, "tanh", false), dense(3, "softmax")},
        Precision::float32,
        training(cross_entropy, nesterov)},
       7,
       3,
       false},
      {"one row",
       {2,
        {dense(2, "softplus"), dense(2, "softmax")},
        Precision::float32,
        training(cross_entropy, sgd)},
       5,
       1,
       false},
  };
  return all;
}

TEST_CASE("bits are the same for any number of threads") {
  for (const Case& test : cases()) same_bits_for_any_threads(test);
}

TEST_CASE("segments change no bit") { segments_change_no_bit(cases()[0]); }

TEST_CASE("deferred updates are updates") {
  deferred_updates_are_updates(cases()[0]);
  deferred_updates_are_updates(cases()[2]);
}

TEST_CASE("norms see all gradients") { norms_see_all_gradients(cases()[0]); }

TEST_CASE("frozen layers stay") { frozen_layers_stay(cases()[0]); }

TEST_CASE("a training is cancelled after a batch") { cancels_after_a_batch(cases()[0]); }

}  // namespace
}  // namespace neurode
