// Builds the parameters of a Program, layer after layer.
#pragma once

#include <cstdint>

#include "native/engine/program.h"

namespace neurode {

class ParameterBuilder {
 public:
  ParameterBuilder(const Plan& plan, Program& program) : plan_(plan), program_(program) {}

  // Builds the parameters of all layers and finds the size of the output. Throws if layers do not
  // fit each other or are too large.
  void build();

  // The rows of the layer table call the functions below, which are about the layer being built.

  // The number of features of a row that the layer reads.
  int inputs() const { return inputs_; }
  // The number of channels along the layer's axis.
  int channels() const;
  // Adds a parameter. `positions`: how many rows the layer's matrix product has for one row of the
  // batch.
  void add(const char* name, Layout layout, int rows, int columns, const ParameterPlan& plan,
           int positions = 1);
  // Adds the kernel and the bias if the layer uses them, as vectors with one element per channel.
  void add_scale_and_center();
  // Adds mean and variance of each channel; no optimizer changes these.
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
