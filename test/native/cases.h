// Small networks, and data for training them.
#pragma once

#include <cstdint>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/op_table.h"
#include "native/engine/program.h"

namespace neurode {

inline Op op(OpKind kind, const char* name, float a = 0, float b = 0) {
  return {op_row(kind, name), {a, b}};
}

inline LayerPlan dense(int units, const char* activation, bool use_bias = true) {
  LayerPlan layer{};
  layer.kind = LayerKind::dense;
  layer.name = "dense";
  layer.units = units;
  layer.use_bias = use_bias;
  layer.activation = op(OpKind::activation, activation);
  layer.kernel.initializer = {.kind = Initializer::Kind::uniform,
                              .seed = static_cast<std::uint64_t>(units),
                              .low = -0.3f,
                              .high = 0.3f};
  layer.bias.initializer = {.value = 0.1f};
  return layer;
}

inline LayerPlan dropout(float rate) {
  LayerPlan layer{};
  layer.kind = LayerKind::noise;
  layer.op = op(OpKind::noise, "dropout", rate);
  layer.seed = 9;
  return layer;
}

// Has gamma, beta and moving statistics.
inline LayerPlan batch_normalization() {
  LayerPlan layer{};
  layer.kind = LayerKind::batch_normalization;
  layer.name = "norm";
  layer.use_bias = true;
  layer.op.params = {1e-3f, 0, 0, 0.9f};
  for (ParameterPlan* parameter : {&layer.kernel, &layer.variance})
    parameter->initializer = {.value = 1};
  return layer;
}

inline LayerPlan parametric_relu(int channels, int inner) {
  LayerPlan layer{};
  layer.kind = LayerKind::feature;
  layer.name = "prelu";
  layer.op = op(OpKind::feature, "parametricRelu");
  layer.along = {channels, inner};
  layer.kernel.initializer = {.value = 0.1f};
  return layer;
}

inline TrainingPlan training(const char* loss, Op optimizer) {
  TrainingPlan plan;
  HeadPlan head;
  head.loss = op(OpKind::loss, loss);
  head.metrics = {op(OpKind::metric, "categoricalAccuracy")};
  plan.heads = {head};
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

inline Data make_data(const Case& test, int outputs) {
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

}  // namespace neurode
