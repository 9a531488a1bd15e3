// Batches in parts: the order of their sums, and the same bits for any number of ranks, which here
// are threads.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "native/cpu/executor.h"
#include "native/cpu/instruction_sets.h"
#include "native/cpu/threads.h"
#include "native/distributed/loopback.h"
#include "native/engine/error.h"
#include "native/engine/order.h"
#include "native/engine/tree_sum.h"
#include "test/native/cases.h"
#include "test/native/check.h"
#include "test/native/graphs.h"

namespace neurode {
namespace {

// The sum of arrays [begin, end) of one float each, where the left half is a power of two.
float reference_sum(const std::vector<float>& values, int begin, int end) {
  if (end - begin == 1) return values[begin];
  const int left = static_cast<int>(std::bit_floor(static_cast<unsigned>(end - begin - 1)));
  return reference_sum(values, begin, begin + left) + reference_sum(values, begin + left, end);
}

TEST_CASE("a tree adds parts in an order of its own") {
  constexpr int kSize = 3;
  for (int count = 1; count <= 17; ++count) {
    std::vector<float> arrays(static_cast<std::size_t>(count) * kSize);
    Random random(count);
    for (float& value : arrays) value = random.number() * std::pow(10.0f, random.below(6));
    std::vector<std::vector<float>> by_place(kSize);
    for (std::size_t i = 0; i < arrays.size(); ++i) by_place[i % kSize].push_back(arrays[i]);

    std::vector<std::vector<float>> levels(tree_levels(count), std::vector<float>(kSize));
    int highest = 0;
    for (int i = 0; i < count; ++i) {
      const auto [level, additions] = tree_place(i);
      std::copy_n(arrays.data() + i * kSize, kSize, levels[level].data());
      for (int a = 0; a < additions; ++a)
        add_floats(levels[level - a - 1].data(), levels[level - a].data(), kSize);
      highest = level - additions;
    }
    for (; highest > 0; --highest)
      add_floats(levels[highest - 1].data(), levels[highest].data(), kSize);

    tree_sum(arrays.data(), count, kSize);
    for (int i = 0; i < kSize; ++i) {
      const float expected = reference_sum(by_place[i], 0, count);
      CHECK_THAT(arrays[i] == expected, "%d arrays: %g, expected %g", count, arrays[i], expected);
      CHECK(levels[0][i] == expected);
    }
  }
}

TEST_CASE("the tree over parts contains the tree over ranks") {
  constexpr int kParts = 16;
  Random random(3);
  std::vector<float> parts(kParts);
  for (float& part : parts) part = random.number() * std::pow(10.0f, random.below(6));
  const float expected = reference_sum(parts, 0, kParts);
  for (int ranks = 1; ranks <= kParts; ranks *= 2) {
    std::vector<float> sums;
    for (int rank = 0; rank < ranks; ++rank) {
      std::vector<float> own(parts.begin() + rank * kParts / ranks,
                             parts.begin() + (rank + 1) * kParts / ranks);
      tree_sum(own.data(), kParts / ranks, 1);
      sums.push_back(own[0]);
    }
    tree_sum(sums.data(), ranks, 1);
    CHECK(sums[0] == expected);
  }
}

// Ranks have threads of their own: those that wait for other ranks would hold up a common team.
std::unique_ptr<Executor> open(const Program& program, int threads,
                               std::shared_ptr<Transport> transport) {
  auto executor = cpu::make_executor(program, cpu::chosen_kernels(),
                                     std::make_shared<cpu::ThreadTeam>(threads));
  if (transport != nullptr) executor->set_transport(std::move(transport));
  return executor;
}

// What a training leaves, and the sums that its ranks have added up.
struct Trained {
  Values parameters;
  double loss = 0, penalty = 0;
  std::int64_t rows = 0, steps = 0;
};

// Two epochs on one rank.
Trained train(const Case& test, const Parts& parts, int threads,
              std::shared_ptr<Transport> transport, const std::atomic<bool>& cancelled = never) {
  Plan plan = test.plan;
  plan.training->parts = parts;
  const Program program = compile(plan);
  const auto executor = open(program, threads, std::move(transport));
  Data data = make_data(test, program.output_size);
  // Indices, where the first layer takes such.
  if (test.plan.layers.front().kind == LayerKind::embedding) data.view.input.scale = 1;
  std::vector<float> weights;
  for (int i = 0; i < test.rows; ++i) weights.push_back(i % 7 == 0 ? NAN : 0.5f + i % 3);
  data.view.targets.weights = weights.data();
  Trained trained;
  for (int epoch = 0; epoch < 2; ++epoch) {
    const std::vector<std::uint32_t> order = shuffled_order({test.rows, 5, epoch});
    const BatchRange range{data.view, order.data(), test.batch, 0,
                           (test.rows + test.batch - 1) / test.batch};
    const std::vector<float> rates(range.batches, 0.05f);
    const Sums sums = executor->train(range, rates.data(), trained.steps, cancelled);
    trained.loss += sums.heads[0].loss;
    trained.penalty += sums.penalty;
    trained.rows += sums.rows;
  }
  trained.parameters = values_of(*executor, program);
  return trained;
}

std::vector<Trained> train_on_ranks(const Case& test, int parts, int ranks, int threads = 1) {
  std::vector<Trained> trained(ranks);
  const auto transports = distributed::make_loopback(ranks);
  std::vector<std::thread> others;
  const int mine = parts / ranks;
  for (int rank = 0; rank < ranks; ++rank) {
    others.emplace_back([&, rank] {
      trained[rank] = train(test, {parts, rank * mine, mine}, threads, transports[rank]);
    });
  }
  for (std::thread& other : others) other.join();
  return trained;
}

void check_same(const char* name, const char* what, const Values& got, const Values& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) {
    CHECK_THAT(std::memcmp(got[i].data(), expected[i].data(), got[i].size() * sizeof(float)) == 0,
               "%s, %s: parameter %zu differs", name, what, i);
  }
}

LayerPlan embedding(int count, int size, int shares = -1) {
  LayerPlan layer{};
  layer.kind = LayerKind::embedding;
  layer.name = "embedding";
  layer.inputs = count;
  layer.units = size;
  layer.kernel.initializer = {.kind = Initializer::Kind::uniform, .low = -1, .high = 1};
  layer.shares = shares;
  return layer;
}

LayerPlan with_penalty(LayerPlan layer) {
  layer.kernel.regularizer = op(OpKind::regularizer, "l1l2", 0.001f, 0.002f);
  return layer;
}

TrainingPlan clipped(TrainingPlan training, float value, float norm, float global_norm) {
  training.update.clip_value = value;
  training.update.clip_norm = norm;
  training.update.global_clip_norm = global_norm;
  return training;
}

TrainingPlan accumulated(TrainingPlan training) {
  training.update.accumulation_steps = 2;
  training.update.averages = true;
  training.update.average_momentum = 0.9f;
  return training;
}

std::vector<Case> cases() {
  const Op sgd = op(OpKind::optimizer, "sgd");
  const auto train = [](const char* optimizer, float a = 0, float b = 0) {
    return training("categoricalCrossentropy", op(OpKind::optimizer, optimizer, a, b));
  };
  Op adam = op(OpKind::optimizer, "adam");
  adam.params = {0.9f, 0.999f, 1e-7f};
  const auto with_adam = training("categoricalCrossentropy", adam);
  const std::vector<LayerPlan> plain = {dense(40, "relu"), dense(20, "relu"), dense(10, "softmax")};
  const std::vector<LayerPlan> normalized = {dense(37, "linear"),    batch_normalization(),
                                             parametric_relu(37, 1), dense(12, "tanh"),
                                             batch_normalization(),  dense(3, "softmax")};
  // The same layers twice, so that their gradients are sums of two.
  const std::vector<LayerPlan> shared = {
      dense(17, "linear"),         batch_normalization(),
      dense(17, "tanh"),           at(batch_normalization(), 3, 1),
      at(dense(17, "tanh"), 4, 2), dense(3, "softmax")};
  return {
      {"bytes", {100, plain, Precision::float32, train("sgd")}, 300, 128, true},
      {"momentum and dropout",
       {33,
        {dense(31, "mish"), dropout(0.4f), dense(3, "softmax")},
        Precision::float32,
        train("momentum", 0.9f, 1)},
       97,
       40,
       false},
      {"long parts",
       {50, {dense(70, "sigmoid"), dense(4, "softmax")}, Precision::float32, with_adam},
       3000,
       2500,
       false},
      {"fewer rows than parts",
       {9, {dense(7, "tanh"), dense(3, "softmax")}, Precision::float32, with_adam},
       13,
       5,
       false},
      {"clipped values",
       {20, plain, Precision::float32, clipped(with_adam, 0.01f, 0, 0)},
       90,
       40,
       false},
      {"clipped norms",
       {20, plain, Precision::float32, clipped(with_adam, 0, 0.1f, 0)},
       90,
       40,
       false},
      {"clipped by one norm",
       {20, plain, Precision::float32, clipped(with_adam, 0, 0, 0.1f)},
       90,
       40,
       false},
      {"accumulated and averaged",
       {20, plain, Precision::float32, accumulated(with_adam)},
       150,
       40,
       false},
      {"penalties",
       {20,
        {with_penalty(dense(16, "relu")), with_penalty(dense(3, "softmax"))},
        Precision::float32,
        with_adam},
       90,
       40,
       false},
      {"statistics of the batch",
       {17, normalized, Precision::float32, train("momentum", 0.9f, 1)},
       109,
       40,
       false},
      {"statistics of fewer rows than parts",
       {17, normalized, Precision::float32, train("sgd")},
       21,
       9,
       false},
      {"a table",
       {5, {embedding(200, 6), dense(3, "softmax")}, Precision::float32, with_adam},
       90,
       40,
       true},
      {"a shared table",
       {5,
        {embedding(200, 6), at(embedding(200, 6), 0, 0), merge("multiply", {1, 2}),
         dense(3, "softmax")},
        Precision::float32,
        train("sgd")},
       90,
       40,
       true},
      {"shared layers", {17, shared, Precision::float32, with_adam}, 109, 40, false},
  };
}

TEST_CASE("bits depend on the number of parts alone") {
  for (const Case& test : cases()) {
    const Trained expected = train(test, {8, 0, 8}, 1, nullptr);
    CHECK(expected.rows == 2 * test.rows);
    for (const int threads : {2, 3})
      check_same(test.name, "threads", train(test, {8, 0, 8}, threads, nullptr).parameters,
                 expected.parameters);
    for (const int ranks : {2, 4, 8}) {
      const std::string what = std::to_string(ranks) + " ranks";
      Trained sums;
      for (const Trained& trained : train_on_ranks(test, 8, ranks, ranks == 2 ? 2 : 1)) {
        check_same(test.name, what.c_str(), trained.parameters, expected.parameters);
        CHECK(trained.steps == expected.steps);
        sums.loss += trained.loss;
        sums.penalty += trained.penalty;
        sums.rows += trained.rows;
      }
      CHECK(sums.rows == expected.rows);
      CHECK(sums.loss == doctest::Approx(expected.loss).epsilon(1e-9));
      CHECK(sums.penalty == doctest::Approx(expected.penalty).epsilon(1e-9));
    }
  }
}

// One part is a batch as it always was.
TEST_CASE("one part changes no bit") {
  for (const Case& test : cases()) {
    const Trained expected = train(test, {}, 2, nullptr);
    check_same(test.name, "one part", train(test, {1, 0, 1}, 2, nullptr).parameters,
               expected.parameters);
  }
}

// By an optimizer that does not enlarge rounding errors.
TEST_CASE("parts agree with the whole batch") {
  for (Case test : cases()) {
    const auto is_of_batch = [](const LayerPlan& layer) {
      return layer.kind == LayerKind::batch_normalization;
    };
    const std::vector<LayerPlan>& layers = test.plan.layers;
    if (std::any_of(layers.begin(), layers.end(), is_of_batch)) continue;
    test.plan.training->update.optimizer = op(OpKind::optimizer, "momentum", 0.9f);
    const Values expected = train(test, {}, 2, nullptr).parameters;
    const Values got = train(test, {8, 0, 8}, 2, nullptr).parameters;
    for (std::size_t i = 0; i < got.size(); ++i) {
      for (std::size_t k = 0; k < got[i].size(); ++k) {
        const float bound = 1e-5f + 1e-4f * std::abs(expected[i][k]);
        CHECK_THAT(std::abs(got[i][k] - expected[i][k]) <= bound, "%s: %g, expected %g", test.name,
                   got[i][k], expected[i][k]);
      }
    }
  }
}

Values train_graph(std::uint32_t seed, const Parts& parts, int threads,
                   std::shared_ptr<Transport> transport) {
  Plan plan = RandomGraph(seed, seed % 2 == 0).plan();
  plan.training->parts = parts;
  const Program program = compile(plan);
  const auto executor = open(program, threads, std::move(transport));
  const neurode::Batch batch(program, seed);
  step(*executor, program, batch, true, 3, 0.01f);
  return values_of(*executor, program);
}

TEST_CASE("random graphs of several heads have the same bits on all ranks") {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    const std::string name = "graph " + std::to_string(seed);
    const Values expected = train_graph(seed, {4, 0, 4}, 2, nullptr);
    const auto transports = distributed::make_loopback(2);
    Values first, second;
    std::thread other([&] { second = train_graph(seed, {4, 2, 2}, 1, transports[1]); });
    first = train_graph(seed, {4, 0, 2}, 2, transports[0]);
    other.join();
    check_same(name.c_str(), "first rank", first, expected);
    check_same(name.c_str(), "second rank", second, expected);
  }
}

TEST_CASE("a rank that is cancelled stops all after the same batch") {
  const Case test = cases()[0];
  const auto transports = distributed::make_loopback(2);
  const std::atomic<bool> cancelled{true};
  Trained first, second;
  std::thread other([&] { second = train(test, {2, 1, 1}, 2, transports[1], cancelled); });
  first = train(test, {2, 0, 1}, 2, transports[0]);
  other.join();
  CHECK(first.steps == 2);  // one of each epoch
  CHECK(second.steps == 2);
}

TEST_CASE("a step without the other ranks fails and changes nothing") {
  const Case test = cases()[0];
  auto transports = distributed::make_loopback(2);
  transports[1].reset();
  CHECK_THROWS_AS(train(test, {2, 0, 1}, 2, transports[0]), Error);
  CHECK_THROWS_AS(train(test, {2, 0, 1}, 2, nullptr), Error);
  CHECK_THROWS_AS(train(test, {4, 0, 1}, 2, transports[0]), Error);
  for (const Parts& parts : {Parts{3, 0, 3}, Parts{4, 1, 2}, Parts{4, 4, 2}, Parts{2048, 0, 2048}})
    CHECK_THROWS_AS(train(test, parts, 1, nullptr), Error);
}

}  // namespace
}  // namespace neurode
