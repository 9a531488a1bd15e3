// Builds the parameters of a Program, layer after layer.
#pragma once

#include <cstdint>

#include "native/engine/program.h"

namespace neurode {

class ParameterBuilder {
 public:
  ParameterBuilder(const Plan& plan, Program& program) : plan_(plan), program_(program) {}

  // Of all layers; finds the size of the output as well. Throws where layers do not fit each
  // other, or are too large.
  void build();

  // For rows of the table of layers, about the layer whose turn it is.

  // Features of a row that come in.
  int inputs() const { return inputs_; }
  // Those along its axis.
  int channels() const;
  // `positions`: how many rows its products have for one of the batch.
  void add(const char* name, Layout layout, int rows, int columns, const ParameterPlan& plan,
           int positions = 1);
  // The kernel and bias that it says to use, as vectors of channels.
  void add_scale_and_center();
  // Mean and variance of channels, which no optimizer changes.
  void add_statistics();

 private:
  void add_layer(const LayerPlan& layer, bool is_first);

  const Plan& plan_;
  Program& program_;
  const LayerPlan* layer_ = nullptr;
  int inputs_ = 0;
  std::int64_t values_ = 0;
};

}  // namespace neurode
