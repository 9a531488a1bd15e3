// Plans of random graphs, and rows for them.
#pragma once

#include <atomic>
#include <cmath>
#include <string>
#include <utility>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/executor.h"
#include "test/native/cases.h"

namespace neurode {

inline const std::atomic<bool> never{false};

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

inline LayerPlan merge(const char* name, std::vector<int> from) {
  LayerPlan layer{};
  layer.kind = LayerKind::merge;
  layer.name = name;
  layer.op = op(OpKind::merge, name);
  layer.from = std::move(from);
  return layer;
}

inline LayerPlan concatenation(std::vector<int> from, int rows = 1) {
  LayerPlan layer{};
  layer.kind = LayerKind::concatenation;
  layer.name = "concatenation";
  layer.block.rows = rows;
  layer.from = std::move(from);
  return layer;
}

inline LayerPlan take(int begin, int columns) {
  LayerPlan layer{};
  layer.kind = LayerKind::take;
  layer.name = "take";
  layer.begin = begin;
  layer.block.columns = columns;
  return layer;
}

inline LayerPlan dot(std::vector<int> from, bool normalizes) {
  LayerPlan layer{};
  layer.kind = LayerKind::dot;
  layer.name = "dot";
  layer.normalizes = normalizes;
  layer.from = std::move(from);
  return layer;
}

inline LayerPlan scale_and_offset() {
  LayerPlan layer{};
  layer.kind = LayerKind::feature;
  layer.name = "feature";
  layer.op = op(OpKind::feature, "scaleOffset");
  layer.use_bias = true;
  layer.kernel.initializer = {.value = 0.9f};
  return layer;
}

inline LayerPlan at(LayerPlan layer, int from, int shares = -1) {
  layer.from = {from};
  layer.shares = shares;
  return layer;
}

// A graph that grows by layers of random kinds on random values. All that no layer reads is joined
// at its end.
class RandomGraph {
 public:
  // With `heads`, some values become outputs of their own: with losses of all kinds, and without.
  explicit RandomGraph(std::uint32_t seed, bool heads = false)
      : random_(seed), sizes_{kInputs}, read_{false} {
    const int layers = 4 + random_.below(9);
    for (int i = 0; i < layers; ++i) grow();
    std::vector<int> ends;
    for (int value = 0; value < static_cast<int>(sizes_.size()); ++value)
      if (!read_[value]) ends.push_back(value);
    add(concatenation(ends), static_cast<int>(sizes_.size()));
    add(at(dense(3, "linear"), last()), 3);
    plan_.input_size = kInputs;
    plan_.training = training("meanSquaredError", op(OpKind::optimizer, "sgd"));
    plan_.training->heads[0].metrics.clear();
    if (heads) add_heads();
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

  void add_heads() {
    std::vector<HeadPlan>& heads = plan_.training->heads;
    heads[0].value = last();
    add(at(dense(4, "softmax"), any()), 4);
    heads.push_back(head(last(), "sparseCategoricalCrossentropy", Reduction::mean));
    add(at(dense(2, "sigmoid"), any()), 2);
    heads.push_back(head(last(), "binaryCrossentropy", Reduction::weighted_mean));
    heads.push_back(head(any(), "logCosh", Reduction::sum));
    heads.push_back(head(heads[random_.below(4)].value, "meanSquaredError", Reduction::mean));
    // A branch without a loss.
    LayerPlan layer = at(dense(2, "tanh"), any());
    if (random_.below(2) == 0) {
      layer.kernel.regularizer = op(OpKind::regularizer, "l1l2");
      layer.kernel.regularizer->params = {0, 0.01f};
    }
    add(layer, 2);
    if (random_.below(2) == 0) {
      LayerPlan penalty{};
      penalty.kind = LayerKind::activity_penalty;
      penalty.name = "penalty";
      penalty.op = op(OpKind::regularizer, "l1l2");
      penalty.op.params = {0, 0.02f};
      add(at(penalty, last()), 2);
    }
    heads.push_back(head(last(), nullptr, Reduction::mean));
    std::vector<int> outputs;
    for (const HeadPlan& head : heads) outputs.push_back(head.value);
    add(concatenation(outputs), 0);
  }

  HeadPlan head(int value, const char* loss, Reduction reduction) {
    HeadPlan head;
    head.value = value;
    head.loss_weight = 0.25f * static_cast<float>(1 + random_.below(4));
    head.reduction = reduction;
    if (reduction == Reduction::sum) head.loss_weight *= 0.01f;
    if (loss != nullptr) head.loss = op(OpKind::loss, loss);
    if (random_.below(2) == 0) head.metrics = {op(OpKind::metric, "meanSquaredError")};
    return head;
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
  std::vector<float> inputs, targets, weights;
  std::vector<TargetColumns> columns;
  DataView view;

  Batch(const Program& program, std::uint32_t seed) {
    Random random(seed);
    for (int i = 0; i < kRows * program.input_size; ++i) inputs.push_back(random.number());
    view.input.floats = inputs.data();
    view.input.rows = kRows;
    view.input.features = program.input_size;
    if (program.heads.size() > 1) {
      add_heads(program, random);
      return;
    }
    for (int i = 0; i < kRows * program.output_size; ++i) targets.push_back(random.number());
    view.targets.rows = targets.data();
    view.targets.outputs = program.output_size;
  }

  // The second head's targets are class indices. Some rows do not count for some heads.
  void add_heads(const Program& program, Random& random) {
    const int heads = static_cast<int>(program.heads.size());
    for (int h = 0; h < heads; ++h) {
      columns.push_back({view.targets.row_size, h == 1});
      view.targets.row_size += h == 1 ? 1 : program.heads[h].size();
    }
    for (int row = 0; row < kRows; ++row) {
      for (int h = 0; h < heads; ++h) {
        const Head& head = program.heads[h];
        for (int i = 0; i < (h == 1 ? 1 : head.size()); ++i) {
          targets.push_back(h == 1   ? static_cast<float>(random.below(head.outputs))
                            : h == 2 ? static_cast<float>(random.below(2))
                                     : random.number());
        }
        weights.push_back(random.below(9) == 0 ? NAN : 0.5f + 0.25f * random.below(3));
      }
    }
    view.targets.rows = targets.data();
    view.targets.columns = columns.data();
    view.targets.row_weights = program.positions;
    view.targets.weights = weights.data();
  }
};

inline Values values_of(const Executor& executor, const Program& program) {
  Values values;
  for (std::size_t i = 0; i < program.parameters.size(); ++i) {
    values.emplace_back(program.parameters[i].size());
    executor.get_parameter(static_cast<int>(i), values.back().data());
  }
  return values;
}

inline void set_values(Executor& executor, const Values& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    executor.set_parameter(static_cast<int>(i), values[i].data());
}

// Runs steps on the whole batch. Returns the loss of the last one.
inline double step(Executor& executor, const Program& program, const Batch& batch, bool update,
                   int steps = 1, float rate = 1) {
  BatchRange range{batch.view, nullptr, Batch::kRows, 0, 1};
  range.update = update;
  double loss = 0;
  for (std::int64_t count = 0, i = 0; i < steps; ++i) {
    const Sums sums = executor.train(range, &rate, count, never);
    loss = sums.penalty;
    for (std::size_t h = 0; h < sums.heads.size(); ++h)
      loss += sums.heads[h].loss * program.heads[h].loss_weight;
  }
  return loss / Batch::kRows;
}

}  // namespace neurode
