// Graphs of layers on the CPU executor, without Node: random ones have the gradients that
// differences of their losses give, and the same bits for any number of threads.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "native/cpu/instruction_sets.h"
#include "native/cpu/packed_inference.h"
#include "native/cpu/packed_plan.h"
#include "native/cpu/threads.h"
#include "native/devices/registry.h"
#include "native/engine/program.h"
#include "test/native/check.h"
#include "test/native/graphs.h"

namespace neurode {
namespace {

// One step at rate 1 moves each parameter by its gradient.
void gradients_are_slopes(std::uint32_t seed, bool heads = false) {
  const Program program = compile(RandomGraph(seed, heads).plan());
  const Batch batch(program, seed);
  const auto device = open_device("cpu", 2);
  const auto executor = device->open(program);
  Values values = values_of(*executor, program);
  step(*executor, program, batch, true);
  const Values moved = values_of(*executor, program);
  Random random(seed);
  for (std::size_t p = 0; p < values.size(); ++p) {
    if (!program.parameters[p].trainable) continue;
    for (int i = 0; i < 3; ++i) {
      const int element = random.below(static_cast<int>(values[p].size()));
      const float value = values[p][element];
      const auto loss_at = [&](float changed) {
        values[p][element] = changed;
        set_values(*executor, values);
        return step(*executor, program, batch, false);
      };
      const auto difference = [&](float distance) {
        return (loss_at(value + distance) - loss_at(value - distance)) / (2 * distance);
      };
      // Two differences give the slope up to the fourth power of their distance.
      const double extrapolated = (4 * difference(5e-3f) - difference(1e-2f)) / 3;
      values[p][element] = value;
      const bool is_frozen = program.parameters[p].update == Update::none;
      const double slope = is_frozen ? 0 : extrapolated;
      const double gradient = value - moved[p][element];
      CHECK_THAT(std::abs(gradient - slope) <= 2e-4 + 5e-3 * std::abs(slope),
                 "graph %u: %s: gradient %g, slope %g", seed, program.parameters[p].name.c_str(),
                 gradient, slope);
    }
  }
}

void same_bits_for_any_threads(std::uint32_t seed, bool heads = false) {
  const Program program = compile(RandomGraph(seed, heads).plan());
  const Batch batch(program, seed);
  Values expected;
  std::vector<float> predicted;
  for (const int threads : {1, 2, 3, 7}) {
    const auto executor = open_device("cpu", threads)->open(program);
    step(*executor, program, batch, true, 5, 1e-4f);
    const Values values = values_of(*executor, program);
    std::vector<float> outputs(static_cast<std::size_t>(Batch::kRows) * program.output_size);
    executor->predict(batch.view.input, outputs.data(), never);
    if (threads == 1) {
      expected = values;
      predicted = outputs;
    }
    CHECK_THAT(values == expected, "graph %u: other bits on %d threads", seed, threads);
    CHECK_THAT(outputs == predicted, "graph %u: other predictions on %d threads", seed, threads);
    // A single row takes another way after some calls.
    InputView row = batch.view.input;
    row.rows = 1;
    std::vector<float> one(program.output_size);
    for (int i = 0; i < 12; ++i) executor->predict_here(row, one.data());
    for (int i = 0; i < program.output_size; ++i)
      CHECK_THAT(std::abs(one[i] - outputs[i]) <= 1e-5f * (1 + std::abs(one[i])),
                 "graph %u: a row alone gives %g, not %g", seed, one[i], outputs[i]);
  }
}

Plan plan_of(int inputs, std::vector<LayerPlan> layers) {
  return {inputs, std::move(layers), Precision::float32,
          training("meanSquaredError", op(OpKind::optimizer, "sgd"))};
}

std::size_t segments(const Plan& plan) { return segments_of(compile(plan).train).size(); }

TEST_CASE("gradients of random graphs are slopes") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) gradients_are_slopes(seed);
}

TEST_CASE("random graphs have the same bits for any number of threads") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) same_bits_for_any_threads(seed);
}

TEST_CASE("gradients of random graphs of several heads are slopes") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) gradients_are_slopes(seed, true);
}

TEST_CASE("random graphs of several heads have the same bits for any number of threads") {
  for (std::uint32_t seed = 0; seed < 30; ++seed) same_bits_for_any_threads(seed, true);
}

TEST_CASE("packed inference of random graphs gives the executor's outputs") {
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    const Program program = compile(RandomGraph(seed).plan());
    const Batch batch(program, seed);
    const auto executor = open_device("cpu", 2)->open(program);
    step(*executor, program, batch, true, 5, 1e-4f);
    const Values values = values_of(*executor, program);
    ParameterValues pointers;
    for (const std::vector<float>& value : values) pointers.push_back(value.data());
    const auto packed = cpu::pack_for_inference(program, cpu::chosen_kernels(),
                                                std::make_shared<cpu::ThreadTeam>(2), pointers);
    const auto count = static_cast<std::size_t>(Batch::kRows) * program.output_size;
    std::vector<float> expected(count), got(count);
    executor->predict(batch.view.input, expected.data(), never);
    packed->predict(batch.view.input, got.data(), never);
    for (std::size_t i = 0; i < count; ++i)
      CHECK_THAT(std::abs(got[i] - expected[i]) <= 2e-5f * (1 + std::abs(expected[i])),
                 "graph %u: %g at %zu, expected %g", seed, got[i], i, expected[i]);
  }
}

TEST_CASE("packed inference gives several callers at once the same bits, alone and by a team") {
  const Program program = compile(
      plan_of(40, {at(dense(900, "relu"), 0), at(dense(1500, "tanh"), 1),
                   at(dense(900, "linear"), 2), merge("add", {1, 3}), dense(9, "softmax")}));
  std::vector<std::vector<float>> values;
  for (const Parameter& parameter : program.parameters) {
    std::vector<float>& value = values.emplace_back(parameter.size());
    for (std::size_t i = 0; i < value.size(); ++i)
      value[i] = static_cast<float>(i * 7919 % 1009) / 16000 - 0.03f;
  }
  ParameterValues pointers;
  for (const std::vector<float>& value : values) pointers.push_back(value.data());
  const auto packed = [&](int threads) {
    return cpu::pack_for_inference(program, cpu::chosen_kernels(),
                                   std::make_shared<cpu::ThreadTeam>(threads), pointers);
  };
  constexpr int kMost = 70;
  std::vector<float> input(kMost * 40);
  for (std::size_t i = 0; i < input.size(); ++i)
    input[i] = static_cast<float>(i * 31 % 97) / 97 - 0.5f;
  const auto predict = [&](const Inference& by, int rows) {
    InputView view;
    view.floats = input.data();
    view.rows = rows;
    view.features = 40;
    std::vector<float> output(static_cast<std::size_t>(rows) * 9);
    by.predict_here(view, output.data());
    return output;
  };
  const auto alone = packed(1), team = packed(3);
  std::vector<std::thread> callers;
  std::atomic<int> different{0};
  for (int caller = 0; caller < 3; ++caller) {
    callers.emplace_back([&, caller] {
      for (const int rows : {1 + caller, 20, kMost})
        if (predict(*team, rows) != predict(*alone, rows)) ++different;
    });
  }
  for (std::thread& caller : callers) caller.join();
  CHECK(different == 0);
}

TEST_CASE("packed inference of a chain has two slots, and one more for what skips layers") {
  const auto slots = [](std::vector<LayerPlan> layers) {
    return cpu::packed_plan(compile(plan_of(5, std::move(layers)))).slots;
  };
  const auto layer = [](int from) { return at(dense(7, "relu"), from); };
  CHECK(slots({layer(0), layer(1), layer(2), layer(3)}) == 2);
  CHECK(slots({layer(0), layer(1), layer(2), merge("add", {1, 3}), layer(4)}) == 3);
}

TEST_CASE("a step of a residual network has two segments") {
  std::vector<LayerPlan> layers{at(dense(8, "relu"), 0)};
  for (int block = 0; block < 4; ++block) {
    const int value = static_cast<int>(layers.size());
    layers.push_back(at(dense(8, "relu"), value));
    layers.push_back(at(dense(8, "linear"), value + 1));
    layers.push_back(merge("add", {value, value + 2}));
  }
  CHECK(segments(plan_of(5, std::move(layers))) == 2);
}

TEST_CASE("normalizations in parallel branches share their segments") {
  const auto branch = [](int from) { return at(batch_normalization(), from); };
  CHECK(segments(plan_of(5, {branch(0), dense(3, "linear")})) == 4);
  CHECK(segments(plan_of(5, {branch(0), branch(0), branch(0), merge("add", {1, 2, 3}),
                             dense(3, "linear")})) == 4);
}

TEST_CASE("Plans that refer to what they have not are refused") {
  const auto refused = [](std::vector<LayerPlan> layers, int output = -1) {
    Plan plan = plan_of(4, std::move(layers));
    plan.output = output;
    try {
      compile(plan);
    } catch (const std::exception&) {
      return true;
    }
    return false;
  };
  CHECK(refused({at(dense(3, "relu"), 1)}));
  CHECK(refused({merge("add", {0, 0}), at(dense(3, "relu"), 1, 0)}));
  CHECK(refused({dense(3, "relu"), at(dense(3, "relu"), 1, 0)}));
  CHECK(refused({dense(3, "relu"), merge("add", {0, 1})}));
  CHECK(refused({take(2, 3)}));
  CHECK(refused({at(dense(3, "relu"), 0), dot({0, 1}, false)}));
  CHECK(!refused({at(dense(3, "relu"), 0), take(1, 2)}, 1));
}

}  // namespace
}  // namespace neurode
