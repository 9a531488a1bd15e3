// The table of layer kinds: all that the engine knows about a kind is in its row in layers.cc.
#pragma once

#include <cstdint>
#include <vector>

#include "native/engine/layer_reader.h"
#include "native/engine/parameter_builder.h"
#include "native/engine/pass_builder.h"
#include "native/engine/plan.h"

namespace neurode {

struct LayerRow {
  const char* name;  // the name of the kind in a Plan
  LayerKind kind;
  void (*read)(const LayerReader& reader, LayerPlan& layer);
  // Returns how many features of a row the layer outputs for this many inputs. Throws if the inputs
  // do not fit the layer.
  std::int64_t (*outputs)(const LayerPlan& layer, std::int64_t inputs) = nullptr;
  // Adds the layer's parameters, in Keras' order. Null: the layer has no parameters.
  void (*parameters)(const LayerPlan& layer, ParameterBuilder& builder) = nullptr;
  // Adds the tasks of the forward pass, which take the parameters in the same order. backward.cc
  // derives the tasks of the backward pass from them.
  void (*tasks)(const LayerPlan& layer, PassBuilder& pass) = nullptr;
  // Returns the number of categories if the layer's inputs are integers from 0 to below that
  // number. Null: the inputs are any numbers.
  int (*indices)(const LayerPlan& layer) = nullptr;
  // Whether the layer reads the features of each position; all other layers read whole rows.
  bool by_position = false;
  // In place of `outputs`, for layers that have several inputs. Null: the layer has one.
  std::int64_t (*joined)(const LayerPlan& layer, const std::vector<int>& inputs) = nullptr;
};

const LayerRow& layer_row(LayerKind kind);

// Reads the part of a Plan that describes one layer. Throws ERR_UNKNOWN_NAME for a kind that does
// not exist.
LayerPlan read_layer(const LayerReader& reader);

}  // namespace neurode
