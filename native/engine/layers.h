// The table of layer kinds: what the engine knows of each is its row in layers.cc.
#pragma once

#include <cstdint>

#include "native/engine/layer_reader.h"
#include "native/engine/parameter_builder.h"
#include "native/engine/pass_builder.h"
#include "native/engine/plan.h"

namespace neurode {

struct LayerRow {
  const char* name;  // in the Plan
  LayerKind kind;
  void (*read)(const LayerReader& reader, LayerPlan& layer);
  // The features of a row that come out, for those that come in. Throws where these do not fit.
  std::int64_t (*outputs)(const LayerPlan& layer, std::int64_t inputs);
  // Adds the parameters, in Keras' order; null: there are none.
  void (*parameters)(const LayerPlan& layer, ParameterBuilder& builder);
  // Adds the tasks of the forward pass, which take the parameters in the same order. Those of the
  // backward pass follow from them: see backward.cc.
  void (*tasks)(const LayerPlan& layer, PassBuilder& pass);
  // What comes in are integers from 0 to below this; null: any numbers.
  int (*indices)(const LayerPlan& layer) = nullptr;
  // Reads features by position; all others read whole rows.
  bool by_position = false;
};

const LayerRow& layer_row(LayerKind kind);

// Reads the part of a Plan that describes one layer. Throws ERR_UNKNOWN_NAME for a kind that does
// not exist.
LayerPlan read_layer(const LayerReader& reader);

}  // namespace neurode
