// Layer kinds without parameters that move, join or count the features of rows: functions of the
// layer table.
#pragma once

#include <cstdint>
#include <vector>

#include "native/engine/layer_reader.h"
#include "native/engine/pass_builder.h"
#include "native/engine/plan.h"

namespace neurode {

void read_block(const LayerReader& reader, LayerPlan& layer);
std::int64_t transpose_outputs(const LayerPlan& layer, std::int64_t inputs);
void transpose_tasks(const LayerPlan& layer, PassBuilder& pass);
std::int64_t repeat_outputs(const LayerPlan& layer, std::int64_t inputs);
void repeat_tasks(const LayerPlan& layer, PassBuilder& pass);
void read_pooling(const LayerReader& reader, LayerPlan& layer);
std::int64_t pooling_outputs(const LayerPlan& layer, std::int64_t inputs);
void pooling_tasks(const LayerPlan& layer, PassBuilder& pass);
void read_encoding(const LayerReader& reader, LayerPlan& layer);
std::int64_t encoding_outputs(const LayerPlan& layer, std::int64_t inputs);
void encoding_tasks(const LayerPlan& layer, PassBuilder& pass);
int encoding_indices(const LayerPlan& layer);
void read_merge(const LayerReader& reader, LayerPlan& layer);
std::int64_t merge_outputs(const LayerPlan&, const std::vector<int>& inputs);
void merge_tasks(const LayerPlan& layer, PassBuilder& pass);
std::int64_t concatenation_outputs(const LayerPlan& layer, const std::vector<int>& inputs);
void concatenation_tasks(const LayerPlan& layer, PassBuilder& pass);
void read_dot(const LayerReader& reader, LayerPlan& layer);
std::int64_t dot_outputs(const LayerPlan&, const std::vector<int>& inputs);
void dot_tasks(const LayerPlan& layer, PassBuilder& pass);
void read_take(const LayerReader& reader, LayerPlan& layer);
std::int64_t take_outputs(const LayerPlan& layer, std::int64_t inputs);
void take_tasks(const LayerPlan& layer, PassBuilder& pass);

}  // namespace neurode
