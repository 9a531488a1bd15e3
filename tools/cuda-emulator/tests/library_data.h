// A small program, and data for it.
#pragma once

#include <cstdint>
#include <vector>

#include "native/engine/op_table.h"
#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode {

constexpr int kInputs = 150, kOutputs = 64, kRows = 130, kBatch = 12;

inline LayerPlan dense(int units, const char* activation) {
  LayerPlan layer{};
  layer.kind = LayerKind::dense;
  layer.name = "dense";
  layer.units = units;
  layer.use_bias = true;
  layer.activation = {op_row(OpKind::activation, activation), {}};
  layer.kernel.initializer = {.kind = Initializer::Kind::uniform,
                              .seed = static_cast<std::uint64_t>(units),
                              .low = -0.3f,
                              .high = 0.3f};
  return layer;
}

inline Program small_program() {
  Plan plan{
      kInputs, {dense(17, "tanh"), dense(kOutputs, "softmax")}, Precision::float32, TrainingPlan{}};
  HeadPlan head;
  head.loss = {op_row(OpKind::loss, "sparseCategoricalCrossentropy"), {}};
  head.metrics = {{op_row(OpKind::metric, "categoricalAccuracy"), {}}};
  plan.training->heads = {head};
  plan.training->update.optimizer = {op_row(OpKind::optimizer, "momentum"), {0.9f, 1}};
  plan.training->captures = true;
  return compile(plan);
}

// `rows` rows of data, as bytes or as floats.
struct Data {
  std::vector<std::uint8_t> bytes;
  std::vector<float> floats;
  std::vector<std::int32_t> classes;
  std::vector<std::uint32_t> order, next;
  std::int64_t rows;

  Data(std::int64_t rows, bool as_bytes) : rows(rows) {
    std::uint32_t state = 1;
    for (std::int64_t i = 0; i < rows * kInputs; ++i) {
      state = state * 1664525 + 1013904223;
      bytes.push_back(static_cast<std::uint8_t>(state >> 24));
      floats.push_back(static_cast<float>(bytes.back()) / 128 - 1);
    }
    for (std::int64_t i = 0; i < rows; ++i) {
      classes.push_back(static_cast<std::int32_t>(i * 7 % kOutputs));
      order.push_back(static_cast<std::uint32_t>(i * 5 % rows));
      next.push_back(static_cast<std::uint32_t>(i * 3 % rows));
    }
    if (!as_bytes) bytes.clear();
  }

  plugin::InputRecord input() const {
    const bool has_bytes = !bytes.empty();
    return {has_bytes ? bytes.data() : nullptr,
            has_bytes ? nullptr : floats.data(),
            rows,
            kInputs,
            has_bytes ? 1 / 255.0f : 1,
            0};
  }

  plugin::RangeRecord range(int handle) const {
    plugin::RangeRecord range{};
    range.input = input();
    range.classes = classes.data();
    range.handle = handle;
    range.batch_size = kBatch;
    range.batches = (rows + kBatch - 1) / kBatch;
    range.update = 1;
    return range;
  }
};

}  // namespace neurode
