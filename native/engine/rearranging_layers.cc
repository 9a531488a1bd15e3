// Layer kinds without parameters that move, join or count the features of rows.
#include "native/engine/rearranging_layers.h"

#include <string>

#include "native/engine/error.h"
#include "native/engine/op_table.h"

namespace neurode {
namespace {

[[noreturn]] void refuse(const char* member, const char* expected) {
  throw Error("ERR_ARGUMENT", std::string(member) + ": expected " + expected);
}

void rearrange(const LayerPlan& layer, PassBuilder& pass, TaskKind kind, std::int64_t outputs) {
  pass.add_step({.kind = kind, .block = layer.block, .counts = layer.counts},
                static_cast<int>(outputs));
}

}  // namespace

void read_block(const LayerReader& reader, LayerPlan& layer) {
  layer.block = {.rows = reader.size_or("rows", 1),
                 .columns = reader.size_or("columns", 1),
                 .inner = reader.size_or("inner", 1)};
}

// transpose

std::int64_t transpose_outputs(const LayerPlan& layer, std::int64_t inputs) {
  const auto [rows, columns, inner] = layer.block;
  if (inputs % rows != 0 || inputs / rows % (std::int64_t{columns} * inner) != 0)
    refuse("layers", "whole blocks to transpose");
  return inputs;
}

void transpose_tasks(const LayerPlan& layer, PassBuilder& pass) {
  rearrange(layer, pass, TaskKind::transpose, pass.features());
}

// repeat

std::int64_t repeat_outputs(const LayerPlan& layer, std::int64_t inputs) {
  return inputs * layer.block.rows;
}

void repeat_tasks(const LayerPlan& layer, PassBuilder& pass) {
  rearrange(layer, pass, TaskKind::repeat, repeat_outputs(layer, pass.features()));
}

// pooling

void read_pooling(const LayerReader& reader, LayerPlan& layer) {
  layer.op = reader.op("pooling", OpKind::pooling);
  read_block(reader, layer);
}

std::int64_t pooling_outputs(const LayerPlan& layer, std::int64_t inputs) {
  if (inputs % layer.block.rows != 0) refuse("rows", "whole positions");
  return inputs / layer.block.rows;
}

void pooling_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_step({.kind = TaskKind::pool, .op = layer.op, .block = layer.block},
                static_cast<int>(pooling_outputs(layer, pass.features())));
}

// encoding

void read_encoding(const LayerReader& reader, LayerPlan& layer) {
  read_block(reader, layer);
  layer.counts = reader.flag("counts");
  if (layer.block.columns > kMostIndices) refuse("columns", "at most 2^24");
}

std::int64_t encoding_outputs(const LayerPlan& layer, std::int64_t inputs) {
  if (inputs % layer.block.rows != 0) refuse("rows", "whole groups of integers");
  return inputs / layer.block.rows * layer.block.columns;
}

void encoding_tasks(const LayerPlan& layer, PassBuilder& pass) {
  rearrange(layer, pass, TaskKind::encode, encoding_outputs(layer, pass.features()));
}

int encoding_indices(const LayerPlan& layer) { return layer.block.columns; }

// merge

void read_merge(const LayerReader& reader, LayerPlan& layer) {
  layer.op = reader.op("merge", OpKind::merge);
}

std::int64_t merge_outputs(const LayerPlan&, const std::vector<int>& inputs) {
  for (const int size : inputs)
    if (size != inputs.front()) refuse("layers", "inputs of the same size to merge");
  return inputs.front();
}

void merge_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_merges(layer.op);
  if (!merge_traits(layer.op).averages) return;
  pass.add_step(
      {.kind = TaskKind::rescale_forward, .scale = 1 / static_cast<float>(pass.inputs().size())},
      pass.features());
}

// concatenation

std::int64_t concatenation_outputs(const LayerPlan& layer, const std::vector<int>& inputs) {
  std::int64_t sum = 0;
  for (const int size : inputs) {
    if (size % layer.block.rows != 0) refuse("rows", "whole rows of each input");
    sum += size;
  }
  return sum;
}

void concatenation_tasks(const LayerPlan& layer, PassBuilder& pass) {
  const int rows = layer.block.rows;
  int features = 0, begin = 0;
  for (const int input : pass.inputs()) features += pass.features(input);
  const int output = pass.add_tensor(features);
  for (const int input : pass.inputs()) {
    const int columns = pass.features(input) / rows;
    pass.add({.kind = TaskKind::place,
              .input = input,
              .output = output,
              .block = {.rows = rows, .columns = columns},
              .begin = begin});
    begin += columns;
  }
  pass.go_on_from(output);
}

// dot

void read_dot(const LayerReader& reader, LayerPlan& layer) {
  layer.normalizes = reader.flag("normalize");
}

std::int64_t dot_outputs(const LayerPlan&, const std::vector<int>& inputs) {
  if (inputs.size() != 2 || inputs[0] != inputs[1]) refuse("layers", "two inputs of the same size");
  return 1;
}

// The sum of products is their mean times their number.
void dot_tasks(const LayerPlan& layer, PassBuilder& pass) {
  const int features = pass.features();
  if (layer.normalizes) pass.normalize_inputs();
  pass.add_merges({.row = op_row(OpKind::merge, "multiply")});
  pass.add_step({.kind = TaskKind::pool,
                 .op = {.row = op_row(OpKind::pooling, "average")},
                 .block = {.rows = features}},
                1);
  pass.add_step({.kind = TaskKind::rescale_forward, .scale = static_cast<float>(features)}, 1);
}

// take

void read_take(const LayerReader& reader, LayerPlan& layer) {
  layer.block = {.rows = reader.size("rows"), .columns = reader.size("columns")};
  layer.begin = static_cast<int>(reader.integer("begin", 0, kMostFeatures));
}

std::int64_t take_outputs(const LayerPlan& layer, std::int64_t inputs) {
  const auto [rows, columns, inner] = layer.block;
  if (inputs % rows != 0 || std::int64_t{layer.begin} + columns > inputs / rows)
    refuse("columns", "columns that the input has");
  return std::int64_t{rows} * columns;
}

void take_tasks(const LayerPlan& layer, PassBuilder& pass) {
  pass.add_step({.kind = TaskKind::take, .block = layer.block, .begin = layer.begin},
                layer.block.rows * layer.block.columns);
}

}  // namespace neurode
