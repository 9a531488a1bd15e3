// A model's parameters on the CPU, their gradients that wait for an update, and optimizer
// variables.
#include "native/cpu/parameters.h"

#include <algorithm>
#include <utility>

#include "native/cpu/cuts.h"

namespace neurode::cpu {

Parameters::Parameters(const Program& program) : program_(program) {
  for (const Parameter& parameter : program.parameters) add(parameter);
}

void Parameters::add(const Parameter& parameter) {
  const bool is_kernel = parameter.layout == Layout::kernel;
  std::int64_t stride = round_up(is_kernel ? parameter.rows : parameter.columns, kAlignment);
  // Not a multiple of 1 KiB: rows of a tile would fall into the same cache sets.
  if (is_kernel && stride % 256 == 0) stride += kAlignment;
  const std::int64_t lines = is_kernel ? parameter.columns : std::max(parameter.rows, 1);
  const std::int64_t size = stride * lines;
  ParameterMemory memory{stride, size, Floats(size), {}, {}, pieces_};
  const bool in_arena = parameter.update == Update::deferred ||
                        (parameter.update == Update::fused && parameter.layout == Layout::vector);
  if (in_arena) memory.gradient = Floats(size);
  for (int s = 0; parameter.trainable && s < program_.slots; ++s) memory.slots.emplace_back(size);
  pieces_ += memory.pieces();
  memory_.push_back(std::move(memory));
  std::vector<float> first_values(parameter.size());
  initialize(parameter.initializer, std::max(parameter.rows, 1), parameter.columns,
             first_values.data());
  set(-1, count() - 1, first_values.data());
}

void Parameters::get(int slot, int index, float* values) const {
  const Parameter& parameter = program_.parameters[index];
  const ParameterMemory& memory = memory_[index];
  const float* const from = (slot < 0 ? memory.values : memory.slots[slot]).data();
  for (int row = 0; row < std::max(parameter.rows, 1); ++row, values += parameter.columns) {
    if (parameter.layout == Layout::kernel) {
      for (int u = 0; u < parameter.columns; ++u) values[u] = from[u * memory.stride + row];
    } else {
      std::copy_n(from + row * memory.stride, parameter.columns, values);
    }
  }
}

void Parameters::set(int slot, int index, const float* values) {
  const Parameter& parameter = program_.parameters[index];
  ParameterMemory& memory = memory_[index];
  float* const to = (slot < 0 ? memory.values : memory.slots[slot]).data();
  for (int row = 0; row < std::max(parameter.rows, 1); ++row, values += parameter.columns) {
    if (parameter.layout == Layout::kernel) {
      for (int u = 0; u < parameter.columns; ++u) to[u * memory.stride + row] = values[u];
    } else {
      std::copy_n(values, parameter.columns, to + row * memory.stride);
    }
  }
}

Normalizer Parameters::normalizer(const Task& task) const {
  return {values(task.kernel), values(task.bias), values(task.mean), values(task.variance)};
}

Table Parameters::table(const Task& task) const {
  const Parameter& parameter = program_.parameters[task.kernel];
  return {values(task.kernel), memory_[task.kernel].stride, parameter.rows, parameter.columns};
}

Matrix Parameters::matrix(int index) const {
  const Parameter& parameter = program_.parameters[index];
  const bool is_kernel = parameter.layout == Layout::kernel;
  return {is_kernel ? parameter.columns : parameter.rows,
          is_kernel ? parameter.rows : parameter.columns, memory_[index].stride};
}

}  // namespace neurode::cpu
