// The table of layer kinds.
#include "native/engine/layers.h"

#include <cstring>
#include <string>

#include "native/engine/error.h"
#include "native/engine/rearranging_layers.h"
#include "native/ops/features.h"

namespace neurode {
namespace {

namespace ops = NEURODE_ISA_NAMESPACE::ops;

constexpr std::int64_t kMostLayers = 1 << 20;

[[noreturn]] void refuse(const char* member, const char* expected) {
  throw Error("ERR_ARGUMENT", std::string(member) + ": expected " + expected);
}

void read_scale_and_center(const LayerReader& reader, LayerPlan& layer) {
  layer.use_kernel = reader.has("kernel");
  layer.use_bias = reader.has("bias");
  if (layer.use_kernel) layer.kernel = reader.parameter("kernel");
  if (layer.use_bias) layer.bias = reader.parameter("bias");
}

Op op_of(const ops::NormalizationParams& numbers) {
  Op op;
  std::memcpy(op.params.data(), &numbers, sizeof(numbers));
  return op;
}

void read_statistics(const LayerReader& reader, LayerPlan& layer) {
  layer.mean = reader.parameter("mean");
  layer.variance = reader.parameter("variance");
}

std::int64_t same(const LayerPlan&, std::int64_t inputs) { return inputs; }

void scale_and_center(const LayerPlan&, ParameterBuilder& builder) {
  builder.add_scale_and_center();
}

// dense

void read_dense(const LayerReader& reader, LayerPlan& layer) {
  layer.units = reader.size("units");
  layer.inputs = reader.size_or("inputs", 0);
  layer.use_bias = reader.flag("useBias");
  layer.activation = reader.op("activation", OpKind::activation);
  layer.kernel = reader.parameter("kernel");
  layer.bias = reader.parameter("bias");
}

// The features of one position. If `inputs` is 0, the whole row is one position.
std::int64_t dense_inputs(const LayerPlan& layer, std::int64_t inputs) {
  return layer.inputs == 0 ? inputs : layer.inputs;
}

std::int64_t dense_outputs(const LayerPlan& layer, std::int64_t inputs) {
  if (inputs % dense_inputs(layer, inputs) != 0) refuse("inputs", "whole positions");
  return inputs / dense_inputs(layer, inputs) * layer.units;
}

void dense_parameters(const LayerPlan& layer, ParameterBuilder& builder) {
  const int inputs = static_cast<int>(dense_inputs(layer, builder.inputs()));
  const int positions = builder.inputs() / inputs;
  builder.add("kernel", Layout::kernel, inputs, layer.units, layer.kernel, positions);
  if (layer.use_bias) builder.add("bias", Layout::vector, 0, layer.units, layer.bias);
}

void dense_tasks(const LayerPlan& layer, PassBuilder& pass) {
  const int kernel = pass.take_parameter();
  const int bias = layer.use_bias ? pass.take_parameter() : -1;
  const int positions = pass.width() / pass.parameter(kernel).rows;
  pass.regroup(positions);
  pass.add_step({.kind = TaskKind::dense_forward, .kernel = kernel, .bias = bias}, layer.units,
                positions);
  pass.add_activation(layer.activation, positions == 1 ? Along{} : Along{layer.units, 1});
}

// activation

void read_activation(const LayerReader& reader, LayerPlan& layer) {
  layer.activation = reader.op("activation", OpKind::activation);
}

void activation_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_activation(layer.activation, layer.along);
}

// noise

void read_noise(const LayerReader& reader, LayerPlan& layer) {
  layer.op = reader.op("noise", OpKind::noise);
  layer.seed = static_cast<std::uint64_t>(reader.integer("seed", 0, kMostSeed));
}

// Noise whose numbers (rate, standard deviation) are all 0 changes nothing and needs no task.
void noise_tasks(const LayerPlan& layer, PassBuilder& pass) {
  if (!pass.trains() || layer.op.params == Op{}.params) return;
  const int factor = noise_scales(layer.op) ? pass.add_tensor(pass.features()) : -1;
  pass.add_step(
      {.kind = TaskKind::noise_forward, .auxiliary = factor, .op = layer.op, .seed = layer.seed},
      pass.features());
}

// rescaling

void read_rescaling(const LayerReader& reader, LayerPlan& layer) {
  layer.scale = reader.real("scale");
  layer.offset = reader.real("offset");
}

void rescaling_tasks(const LayerPlan& layer, PassBuilder& pass) {
  if (pass.fold_into_input(layer.scale, layer.offset)) return;
  pass.add_step({.kind = TaskKind::rescale_forward, .scale = layer.scale, .offset = layer.offset},
                pass.features());
}

// feature

void read_feature(const LayerReader& reader, LayerPlan& layer) {
  layer.op = reader.op("function", OpKind::feature);
  read_scale_and_center(reader, layer);
}

void feature_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_by_channel(layer, TaskKind::feature_forward, pass.take_parameters(layer));
}

// normalization

void read_normalization(const LayerReader& reader, LayerPlan& layer) {
  layer.op = op_of({.epsilon = 0,
                    .least = reader.real("least"),
                    .inverts = reader.flag("inverts") ? 1.0f : 0.0f,
                    .momentum = 0});
  read_statistics(reader, layer);
}

void normalization_parameters(const LayerPlan&, ParameterBuilder& builder) {
  builder.add_statistics();
}

void normalization_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_by_channel(layer, TaskKind::normalize_forward, pass.take_parameters(layer));
}

// batch_normalization

void read_batch_normalization(const LayerReader& reader, LayerPlan& layer) {
  layer.op = op_of({.epsilon = reader.real("epsilon"),
                    .least = 0,
                    .inverts = 0,
                    .momentum = reader.real("momentum")});
  read_scale_and_center(reader, layer);
  read_statistics(reader, layer);
}

void batch_normalization_parameters(const LayerPlan&, ParameterBuilder& builder) {
  builder.add_scale_and_center();
  builder.add_statistics();
}

// By moving statistics. What learns has a task of its own.
void normalize_by_moving(const LayerPlan& layer, PassBuilder& pass) {
  if (!pass.learns_by_inference() || !layer.trainable) return normalization_tasks(layer, pass);
  const Task parameters = pass.take_parameters(layer);
  LayerPlan part = layer;
  pass.add_by_channel(part, TaskKind::normalize_forward,
                      {.mean = parameters.mean, .variance = parameters.variance});
  part.op = {.row = op_row(OpKind::feature, "scaleOffset"), .params = {}};
  if (parameters.kernel < 0 && parameters.bias < 0) return;
  pass.add_by_channel(part, TaskKind::feature_forward,
                      {.kernel = parameters.kernel, .bias = parameters.bias});
}

// A frozen layer uses its moving statistics in training as well.
void batch_normalization_tasks(const LayerPlan& layer, PassBuilder& pass) {
  if (!pass.trains() || !layer.trainable) return normalize_by_moving(layer, pass);
  Task task = pass.take_parameters(layer);
  task.statistics =
      pass.add_statistics(layer.along.length == 0 ? pass.features() : layer.along.length);
  Task statistics = task;
  statistics.kind = TaskKind::batch_statistics;
  statistics.axis = Axis::outputs;
  statistics.op = layer.op;
  statistics.along = layer.along;
  statistics.input = pass.current();
  pass.add(statistics);
  pass.add_by_channel(layer, TaskKind::batch_normalize_forward, task);
}

// embedding

void read_embedding(const LayerReader& reader, LayerPlan& layer) {
  layer.inputs = reader.size("inputs", kMostIndices);
  layer.units = reader.size("units");
  layer.kernel = reader.parameter("kernel");
  layer.bag.indices = reader.size_or("bag", 0);
  if (layer.bag.indices > 0) layer.bag.averages = reader.flag("averages");
  if (reader.has("padding"))
    layer.padding = static_cast<int>(reader.integer("padding", 0, layer.inputs - 1));
}

std::int64_t embedding_outputs(const LayerPlan& layer, std::int64_t inputs) {
  const int indices = layer.bag.indices == 0 ? 1 : layer.bag.indices;
  if (inputs % indices != 0) refuse("bag", "whole bags");
  return inputs / indices * layer.units;
}

void embedding_parameters(const LayerPlan& layer, ParameterBuilder& builder) {
  builder.add("embeddings", Layout::table, layer.inputs, layer.units, layer.kernel);
}

void embedding_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_step(
      {.kind = TaskKind::embedding_forward, .kernel = pass.take_parameter(), .bag = layer.bag},
      static_cast<int>(embedding_outputs(layer, pass.features())));
}

int embedding_indices(const LayerPlan& layer) { return layer.inputs; }

// activity_penalty

void read_activity_penalty(const LayerReader& reader, LayerPlan& layer) {
  layer.op = reader.op("regularizer", OpKind::regularizer);
  if (is_of_matrices(layer.op)) refuse("regularizer", "one of single values");
}

void activity_penalty_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_activity_penalty(layer.op);
}

// In the order of LayerKind.
constexpr LayerRow kRows[] = {
    {.name = "dense",
     .kind = LayerKind::dense,
     .read = read_dense,
     .outputs = dense_outputs,
     .parameters = dense_parameters,
     .tasks = dense_tasks,
     .by_position = true},
    {.name = "activation",
     .kind = LayerKind::activation,
     .read = read_activation,
     .outputs = same,
     .tasks = activation_tasks},
    {.name = "noise",
     .kind = LayerKind::noise,
     .read = read_noise,
     .outputs = same,
     .tasks = noise_tasks},
    {.name = "rescaling",
     .kind = LayerKind::rescaling,
     .read = read_rescaling,
     .outputs = same,
     .tasks = rescaling_tasks},
    {.name = "feature",
     .kind = LayerKind::feature,
     .read = read_feature,
     .outputs = same,
     .parameters = scale_and_center,
     .tasks = feature_tasks},
    {.name = "normalization",
     .kind = LayerKind::normalization,
     .read = read_normalization,
     .outputs = same,
     .parameters = normalization_parameters,
     .tasks = normalization_tasks},
    {.name = "batchNormalization",
     .kind = LayerKind::batch_normalization,
     .read = read_batch_normalization,
     .outputs = same,
     .parameters = batch_normalization_parameters,
     .tasks = batch_normalization_tasks},
    {.name = "embedding",
     .kind = LayerKind::embedding,
     .read = read_embedding,
     .outputs = embedding_outputs,
     .parameters = embedding_parameters,
     .tasks = embedding_tasks,
     .indices = embedding_indices},
    {.name = "activityPenalty",
     .kind = LayerKind::activity_penalty,
     .read = read_activity_penalty,
     .outputs = same,
     .tasks = activity_penalty_tasks},
    {.name = "transpose",
     .kind = LayerKind::transpose,
     .read = read_block,
     .outputs = transpose_outputs,
     .tasks = transpose_tasks},
    {.name = "repeat",
     .kind = LayerKind::repeat,
     .read = read_block,
     .outputs = repeat_outputs,
     .tasks = repeat_tasks},
    {.name = "pooling",
     .kind = LayerKind::pooling,
     .read = read_pooling,
     .outputs = pooling_outputs,
     .tasks = pooling_tasks},
    {.name = "encoding",
     .kind = LayerKind::encoding,
     .read = read_encoding,
     .outputs = encoding_outputs,
     .tasks = encoding_tasks,
     .indices = encoding_indices},
    {.name = "merge",
     .kind = LayerKind::merge,
     .read = read_merge,
     .tasks = merge_tasks,
     .joined = merge_outputs},
    {.name = "concatenation",
     .kind = LayerKind::concatenation,
     .read = read_block,
     .tasks = concatenation_tasks,
     .joined = concatenation_outputs},
    {.name = "dot",
     .kind = LayerKind::dot,
     .read = read_dot,
     .tasks = dot_tasks,
     .joined = dot_outputs},
    {.name = "take",
     .kind = LayerKind::take,
     .read = read_take,
     .outputs = take_outputs,
     .tasks = take_tasks},
};

constexpr bool in_order() {
  int kind = 0;
  for (const LayerRow& row : kRows)
    if (static_cast<int>(row.kind) != kind++) return false;
  return kind == static_cast<int>(LayerKind::take) + 1;
}
static_assert(in_order());

}  // namespace

const LayerRow& layer_row(LayerKind kind) { return kRows[static_cast<int>(kind)]; }

LayerPlan read_layer(const LayerReader& reader) {
  const std::string kind = reader.text("kind");
  for (const LayerRow& row : kRows) {
    if (kind != row.name) continue;
    LayerPlan layer{};
    layer.kind = row.kind;
    layer.name = reader.text("name");
    if (reader.has("from")) layer.from = reader.integers("from", kMostLayers);
    if (reader.has("shares"))
      layer.shares = static_cast<int>(reader.integer("shares", 0, kMostLayers));
    if (reader.has("trainable")) layer.trainable = reader.flag("trainable");
    if (reader.has("along")) layer.along = reader.along("along");
    row.read(reader, layer);
    return layer;
  }
  throw Error("ERR_UNKNOWN_NAME", "layer: no kind is called '" + kind + "'");
}

}  // namespace neurode
