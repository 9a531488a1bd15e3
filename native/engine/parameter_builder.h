// Builds the parameters of a Program, layer after layer.
#pragma once

#include <cstdint>
#include <vector>

#include "native/engine/program.h"

namespace neurode {

class ParameterBuilder {
 public:
  ParameterBuilder(const Plan& plan, Program& program) : plan_(plan), program_(program) {}

  // Builds the parameters of all layers and finds the size of the output. Returns the index of the
  // first parameter of each layer. Throws if layers do not fit each other or are too large.
  std::vector<int> build();

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
  void check_references(int index) const;
  void add_layer(int index);
  // The input features that a value consists of. Throws if it is computed from them.
  std::vector<int> columns_of(int value) const;
  void limit_columns(const std::vector<int>& columns, int limit);

  const Plan& plan_;
  Program& program_;
  const LayerPlan* layer_ = nullptr;
  std::vector<int> sizes_;           // of the values so far
  std::vector<int> firsts_;          // the first parameter of each layer so far
  std::vector<int> uses_;            // by layer: how many layers use its parameters
  std::vector<bool> with_gradient_;  // by layer
  int inputs_ = 0;
  int next_ = 0;  // of the parameters that the layer shares, if it shares any
  std::int64_t values_ = 0;
};

}  // namespace neurode
