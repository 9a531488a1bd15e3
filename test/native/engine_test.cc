// The engine and the CPU executor without Node: what the sanitizers watch. Same bits for any number
// of threads, inference beside training, cancellation.
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "native/cpu/device.h"
#include "native/cpu/instruction_sets.h"
#include "native/cpu/packed_inference.h"
#include "native/cpu/thread_choice.h"
#include "native/cpu/threads.h"
#include "native/devices/registry.h"
#include "native/engine/error.h"
#include "native/engine/op_table.h"
#include "native/engine/order.h"
#include "native/engine/program.h"
#include "test/native/check.h"

namespace neurode {
namespace {

Op op(OpKind kind, const char* name, float a = 0, float b = 0) {
  return {op_row(kind, name), {a, b}};
}

LayerPlan dense(int units, const char* activation, bool use_bias = true) {
  LayerPlan layer{};
  layer.kind = LayerKind::dense;
  layer.name = "dense";
  layer.units = units;
  layer.use_bias = use_bias;
  layer.activation = op(OpKind::activation, activation);
  layer.kernel.initializer = {
      Initializer::Kind::uniform, {-0.3f, 0.3f}, static_cast<std::uint64_t>(units)};
  layer.bias.initializer = {Initializer::Kind::constant, {0.1f, 0}, 0};
  return layer;
}

LayerPlan dropout(float rate) {
  LayerPlan layer{};
  layer.kind = LayerKind::noise;
  layer.op = op(OpKind::noise, "dropout", rate);
  layer.seed = 9;
  return layer;
}

// With gamma, beta and moving statistics.
LayerPlan batch_normalization() {
  LayerPlan layer{};
  layer.kind = LayerKind::batch_normalization;
  layer.name = "norm";
  layer.use_bias = true;
  layer.op.params = {1e-3f, 0, 0, 0.9f};
  for (ParameterPlan* parameter : {&layer.kernel, &layer.variance})
    parameter->initializer = {Initializer::Kind::constant, {1, 0}, 0};
  return layer;
}

LayerPlan parametric_relu(int channels, int inner) {
  LayerPlan layer{};
  layer.kind = LayerKind::feature;
  layer.name = "prelu";
  layer.op = op(OpKind::feature, "parametricRelu");
  layer.along = {channels, inner};
  layer.kernel.initializer = {Initializer::Kind::constant, {0.1f, 0}, 0};
  return layer;
}

TrainingPlan training(const char* loss, Op optimizer) {
  TrainingPlan plan;
  plan.loss = op(OpKind::loss, loss);
  plan.metrics = {op(OpKind::metric, "categoricalAccuracy")};
  plan.update.optimizer = optimizer;
  return plan;
}

struct Case {
  const char* name;
  Plan plan;
  int rows;
  int batch;
  bool bytes;
};

struct Data {
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  std::vector<std::int32_t> classes;
  DataView view;
};

Data make_data(const Case& test, int outputs) {
  Data data;
  const std::size_t count = static_cast<std::size_t>(test.rows) * test.plan.input_size;
  std::uint32_t state = 1;
  const auto next = [&] { return (state = state * 1664525 + 1013904223) >> 8; };
  data.view.input.rows = test.rows;
  data.view.input.features = test.plan.input_size;
  if (test.bytes) {
    for (std::size_t i = 0; i < count; ++i) data.bytes.push_back(static_cast<std::uint8_t>(next()));
    data.view.input.bytes = data.bytes.data();
    data.view.input.scale = 1.0f / 255;
  } else {
    for (std::size_t i = 0; i < count; ++i)
      data.floats.push_back(static_cast<float>(next() % 1000) / 500 - 1);
    data.view.input.floats = data.floats.data();
  }
  for (int i = 0; i < test.rows; ++i)
    data.classes.push_back(static_cast<std::int32_t>(next() % outputs));
  data.view.targets.classes = data.classes.data();
  data.view.targets.outputs = outputs;
  return data;
}

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
    CHECK(one[i] - trained.predictions[i] < 1e-5f && trained.predictions[i] - one[i] < 1e-5f);
  }
  return trained;
}

void check_same(const Trained& got, const Trained& expected) {
  CHECK(got.parameters.size() == expected.parameters.size());
  CHECK(std::memcmp(got.parameters.data(), expected.parameters.data(), got.parameters.size() * 4) ==
        0);
  CHECK(std::memcmp(got.predictions.data(), expected.predictions.data(),
                    got.predictions.size() * 4) == 0);
  CHECK(got.sums.loss == expected.sums.loss);
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

// Every layer's weight gradient as soon as its output's gradient has been passed on: rows, outputs,
// rows, outputs, ... instead of rows, outputs.
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

// Gradients that go through the arena give the updates that fused ones give.
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

// A limit that no norm comes near changes nothing; a low one does, the same for all threads.
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
  const double most = 6 * 0.05 * 0.01;  // steps, rate, limit
  CHECK(std::sqrt(squares) > 0.3 * most && std::sqrt(squares) < 1.001 * most);
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

// Packed weights take rescalings and normalizations in, wherever they stand, and give what an
// executor gives.
void packs_normalizations() {
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

// Runs of any number of its threads, one after the other, meet at every barrier.
void teams_run_on_some_of_their_threads() {
  cpu::ThreadTeam team(5);
  for (int run = 0; run < 300; ++run) {
    const int threads = 1 + run * 7 % 5;
    std::vector<int> passes(threads);
    std::atomic<int> early{0};
    team.run(threads, [&](int thread) {
      for (int pass = 1; pass <= 20; ++pass) {
        passes[thread] = pass;
        if (threads > 1) team.barrier();
        for (const int other : passes) early += other != pass;
        if (threads > 1) team.barrier();
      }
    });
    CHECK_THAT(early == 0, "a run of %d threads left a barrier early", threads);
  }
}

// Callers of several threads take turns, or go on alone when it is another's.
void teams_are_shared() {
  cpu::ThreadTeam team(3);
  std::atomic<int> inside{0}, together{0}, ran{0};
  const auto body = [&](int thread) {
    if (thread == 0) together += inside.fetch_add(1) != 0;
    team.barrier();
    if (thread == 0) --inside;
    ++ran;
  };
  int tried = 0, refused = 0;
  {
    std::jthread other([&] {
      for (int run = 0; run < 500; ++run) team.run(3, body);
    });
    for (; tried < 500; ++tried) refused += !team.try_run(2, body);
  }
  CHECK_THAT(together == 0, "%d runs at the same time", together.load());
  CHECK_THAT(ran == 3 * 500 + 2 * (tried - refused), "%d bodies ran", ran.load());
}

// Works for `seconds` on a machine where `threads` do a unit of work in cost(threads) seconds, and
// a share of their waits ends in sleep; the seconds that it would have taken with the best number.
template <class Cost>
double work_with(cpu::ThreadChoice& choice, double seconds, double asleep, int best, Cost cost) {
  double work = 0;
  for (double spent = 0; spent < seconds;) {
    const int threads = choice.threads();
    const double taken = 100 * cost(threads);
    choice.record(100, taken, threads == 1 ? 0 : asleep);
    spent += taken;
    work += 100;
  }
  return work * cost(best);
}

void threads_are_as_many_as_pay() {
  const auto idle = [](int threads) { return 1e-4 / threads; };
  const auto busy = [](int threads) { return threads == 1 ? 2e-4 : 1e-3; };
  const auto half = [](int threads) { return threads > 4 ? 2e-3 : 1e-4 / threads; };
  for (const int most : {2, 3, 8}) {
    cpu::ThreadChoice choice(most);
    CHECK_THAT(choice.threads() == most, "%d threads at first", choice.threads());
    CHECK(work_with(choice, 1, 0, most, idle) > 0.999);
    CHECK(work_with(choice, 10, 1, 1, busy) > 9);
    CHECK(work_with(choice, 60, 0, most, idle) > 50);
    CHECK_THAT(choice.threads() == most, "%d of %d threads on idle cores", choice.threads(), most);
  }
  cpu::ThreadChoice choice(8);
  CHECK(work_with(choice, 60, 0.3, 4, half) > 50);
}

void cancels_after_a_batch(const Case& test) {
  const Program program = compile(test.plan);
  const auto device = open_device("cpu", 2);
  const auto executor = device->open(program);
  const Data data = make_data(test, program.output_size);
  std::atomic<bool> cancelled{false}, done{false};
  Sums sums;
  std::int64_t step = 0;
  const std::vector<float> rates(1 << 20, 1e-6f);
  device->submit([&] {
    const BatchRange range{data.view, nullptr, test.batch, 0, test.rows / test.batch};
    while (!cancelled) sums = executor->train(range, rates.data(), step, cancelled);
    done = true;
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  cancelled = true;
  while (!done) std::this_thread::yield();
  CHECK(sums.batches >= 1);
}

}  // namespace
}  // namespace neurode

int main() {
  using namespace neurode;
  const Op sgd = op(OpKind::optimizer, "sgd"),
           nesterov = op(OpKind::optimizer, "momentum", 0.9f, 1);
  const char* cross_entropy = "categoricalCrossentropy";
  const Case cases[] = {
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
      {"one row",
       {2,
        {dense(2, "softplus"), dense(2, "softmax")},
        Precision::float32,
        training(cross_entropy, sgd)},
       5,
       1,
       false},
  };
  for (const Case& test : cases) same_bits_for_any_threads(test);
  segments_change_no_bit(cases[0]);
  deferred_updates_are_updates(cases[0]);
  deferred_updates_are_updates(cases[2]);
  norms_see_all_gradients(cases[0]);
  frozen_layers_stay(cases[0]);
  packs_normalizations();
  teams_run_on_some_of_their_threads();
  teams_are_shared();
  threads_are_as_many_as_pay();
  cancels_after_a_batch(cases[0]);
  return check_result();
}
