// Graphs of layers on the CPU executor, without Node: random ones have the gradients that
// differences of their losses give, and the same bits for any number of threads.
#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstring>
#include <string>
#include <vector>

#include "native/cpu/instruction_sets.h"
#include "native/cpu/packed_inference.h"
#include "native/cpu/packed_plan.h"
#include "native/cpu/threads.h"
#include "native/devices/registry.h"
#include "native/engine/program.h"
#include "test/native/cases.h"
#include "test/native/check.h"

namespace neurode {
namespace {

const std::atomic<bool> never{false};

class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed * 2654435761u + 1) {}
  int below(int count) {
    state_ = state_ * 1664525 + 1013904223;
    return static_cast<int>((state_ >> 8) % static_cast<std::uint32_t>(count));
  }
  float number() { return static_cast<float>(below(20001)) / 10000 - 1; }

 private:
  std::uint32_t state_;
};

LayerPlan merge(const char* name, std::vector<int> from) {
  LayerPlan layer{};
  layer.kind = LayerKind::merge;
  layer.name = name;
  layer.op = op(OpKind::merge, name);
  layer.from = std::move(from);
  return layer;
}

LayerPlan concatenation(std::vector<int> from, int rows = 1) {
  LayerPlan layer{};
  layer.kind = LayerKind::concatenation;
  layer.name = "concatenation";
  layer.block.rows = rows;
  layer.from = std::move(from);
  return layer;
}

LayerPlan take(int begin, int columns) {
  LayerPlan layer{};
  layer.kind = LayerKind::take;
  layer.name = "take";
  layer.begin = begin;
  layer.block.columns = columns;
  return layer;
}

LayerPlan dot(std::vector<int> from, bool normalizes) {
  LayerPlan layer{};
  layer.kind = LayerKind::dot;
  layer.name = "dot";
  layer.normalizes = normalizes;
  layer.from = std::move(from);
  return layer;
}

LayerPlan scale_and_offset() {
  LayerPlan layer{};
  layer.kind = LayerKind::feature;
  layer.name = "feature";
  layer.op = op(OpKind::feature, "scaleOffset");
  layer.use_bias = true;
  layer.kernel.initializer = {.value = 0.9f};
  return layer;
}

LayerPlan at(LayerPlan layer, int from, int shares = -1) {
  layer.from = {from};
  layer.shares = shares;
  return layer;
}

// A graph that grows by layers of random kinds on random values. All that no layer reads is joined
// at its end.
class RandomGraph {
 public:
  explicit RandomGraph(std::uint32_t seed) : random_(seed), sizes_{kInputs}, read_{false} {
    const int layers = 4 + random_.below(9);
    for (int i = 0; i < layers; ++i) grow();
    std::vector<int> ends;
    for (int value = 0; value < static_cast<int>(sizes_.size()); ++value)
      if (!read_[value]) ends.push_back(value);
    add(concatenation(ends), static_cast<int>(sizes_.size()));
    add(at(dense(3, "linear"), last()), 3);
    plan_.input_size = kInputs;
    plan_.training = training("meanSquaredError", op(OpKind::optimizer, "sgd"));
    plan_.training->metrics.clear();
  }

  const Plan& plan() const { return plan_; }

 private:
  static constexpr int kInputs = 6;

  int last() const { return static_cast<int>(sizes_.size()) - 1; }
  int any() { return random_.below(static_cast<int>(sizes_.size())); }
  int of_size(int size) {
    const int start = any(), count = static_cast<int>(sizes_.size());
    for (int i = 0; i < count; ++i)
      if (sizes_[(start + i) % count] == size) return (start + i) % count;
    return -1;
  }

  void add(LayerPlan layer, int size) {
    for (const int value : layer.from) read_[value] = true;
    layer.name += std::to_string(plan_.layers.size());
    layer.trainable = random_.below(6) != 0;
    if (layer.shares >= 0) layer.trainable = plan_.layers[layer.shares].trainable;
    if (layer.kind == LayerKind::concatenation) {
      size = 0;
      for (const int value : layer.from) size += sizes_[value];
    }
    plan_.layers.push_back(std::move(layer));
    sizes_.push_back(size);
    read_.push_back(false);
  }

  void grow() {
    const char* const functions[] = {"tanh", "sigmoid", "linear", "softplus", "softmax"};
    const int from = any(), size = sizes_[from], other = of_size(size);
    switch (random_.below(12)) {
      case 0:
        return add(merge("add", {from, other, of_size(size)}), size);
      case 1:
        // Products of products of products grow too fast.
        if (++products_ < 3) return add(merge("multiply", {from, other}), size);
        return;
      case 2:
        if (from != other) return add(merge("subtract", {from, other}), size);
        return;
      case 3:
        return add(merge("average", {from, other, from}), size);
      case 4:
        return add(at(batch_normalization(), from), size);
      case 5:
        return add(at(scale_and_offset(), from), size);
      case 6:
        if (size > 2) return add(at(take(1, size - 2), from), size - 2);
        return;
      case 7:
        return add(dot({from, other}, size > 2 && random_.below(2) == 0), 1);
      case 8:
        return share();
      case 9:
        return add(concatenation({from, any()}), 0);
      default:
        const int units = 2 + 3 * random_.below(3);
        return add(at(dense(units, functions[random_.below(5)]), from), units);
    }
  }

  // Uses an earlier layer again.
  void share() {
    for (int i = static_cast<int>(plan_.layers.size()); i-- > 0;) {
      const LayerPlan& layer = plan_.layers[i];
      if (layer.shares >= 0 || layer.kind != LayerKind::dense) continue;
      const int from = of_size(sizes_[layer.from.front()]);
      return add(at(LayerPlan(layer), from, i), layer.units);
    }
  }

  Random random_;
  Plan plan_;
  std::vector<int> sizes_;
  std::vector<bool> read_;
  int products_ = 0;
};

using Values = std::vector<std::vector<float>>;

// Rows of input, and rows of targets.
struct Batch {
  static constexpr int kRows = 150;
  std::vector<float> inputs, targets;
  DataView view;

  Batch(const Program& program, std::uint32_t seed) {
    Random random(seed);
    for (int i = 0; i < kRows * program.input_size; ++i) inputs.push_back(random.number());
    for (int i = 0; i < kRows * program.output_size; ++i) targets.push_back(random.number());
    view.input.floats = inputs.data();
    view.input.rows = kRows;
    view.input.features = program.input_size;
    view.targets.rows = targets.data();
    view.targets.outputs = program.output_size;
  }
};

Values values_of(const Executor& executor, const Program& program) {
  Values values;
  for (std::size_t i = 0; i < program.parameters.size(); ++i) {
    values.emplace_back(program.parameters[i].size());
    executor.get_parameter(static_cast<int>(i), values.back().data());
  }
  return values;
}

void set_values(Executor& executor, const Values& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    executor.set_parameter(static_cast<int>(i), values[i].data());
}

// Runs steps on the whole batch. Returns the loss of the last one.
double step(Executor& executor, const Batch& batch, bool update, int steps = 1, float rate = 1) {
  BatchRange range{batch.view, nullptr, Batch::kRows, 0, 1};
  range.update = update;
  double loss = 0;
  for (std::int64_t count = 0, i = 0; i < steps; ++i)
    loss = executor.train(range, &rate, count, never).loss / Batch::kRows;
  return loss;
}

// One step at rate 1 moves each parameter by its gradient.
void gradients_are_slopes(std::uint32_t seed) {
  const Program program = compile(RandomGraph(seed).plan());
  const Batch batch(program, seed);
  const auto device = open_device("cpu", 2);
  const auto executor = device->open(program);
  Values values = values_of(*executor, program);
  step(*executor, batch, true);
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
        return step(*executor, batch, false);
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

void same_bits_for_any_threads(std::uint32_t seed) {
  const Program program = compile(RandomGraph(seed).plan());
  const Batch batch(program, seed);
  Values expected;
  std::vector<float> predicted;
  for (const int threads : {1, 2, 3, 7}) {
    const auto executor = open_device("cpu", threads)->open(program);
    step(*executor, batch, true, 5, 1e-4f);
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

TEST_CASE("packed inference of random graphs gives the executor's outputs") {
  int packed_graphs = 0;
  for (std::uint32_t seed = 0; seed < 60; ++seed) {
    const Program program = compile(RandomGraph(seed).plan());
    const Batch batch(program, seed);
    const auto executor = open_device("cpu", 2)->open(program);
    step(*executor, batch, true, 5, 1e-4f);
    const Values values = values_of(*executor, program);
    ParameterValues pointers;
    for (const std::vector<float>& value : values) pointers.push_back(value.data());
    const auto packed = cpu::pack_for_inference(program, cpu::chosen_kernels(),
                                                std::make_shared<cpu::ThreadTeam>(2), pointers);
    if (packed == nullptr) continue;
    ++packed_graphs;
    const auto count = static_cast<std::size_t>(Batch::kRows) * program.output_size;
    std::vector<float> expected(count), got(count);
    executor->predict(batch.view.input, expected.data(), never);
    packed->predict(batch.view.input, got.data(), never);
    for (std::size_t i = 0; i < count; ++i)
      CHECK_THAT(std::abs(got[i] - expected[i]) <= 2e-5f * (1 + std::abs(expected[i])),
                 "graph %u: %g at %zu, expected %g", seed, got[i], i, expected[i]);
  }
  CHECK(packed_graphs == 60);
}

TEST_CASE("packed inference of a chain has two slots, and one more for what skips layers") {
  const auto slots = [](std::vector<LayerPlan> layers) {
    const Program program = compile(plan_of(5, std::move(layers)));
    std::vector<std::vector<float>> values;
    for (const Parameter& parameter : program.parameters) values.emplace_back(parameter.size());
    ParameterValues pointers;
    for (const std::vector<float>& value : values) pointers.push_back(value.data());
    return cpu::packed_plan(program, cpu::chosen_kernels(), pointers).slots;
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
