// A model's parameters on the CPU, their gradients that wait for an update, and optimizer
// variables.
#include "native/cpu/parameters.h"

#include <algorithm>
#include <utility>

#include "native/cpu/cuts.h"
#include "native/engine/siblings.h"

namespace neurode::cpu {
namespace {

constexpr int kSquare = 4;

// Through registers: each line of memory is read and written in turn.
void transpose_square(const float* from, std::int64_t from_stride, float* to,
                      std::int64_t to_stride) {
  float square[kSquare][kSquare];
  for (int i = 0; i < kSquare; ++i)
    for (int j = 0; j < kSquare; ++j) square[j][i] = from[i * from_stride + j];
  for (int j = 0; j < kSquare; ++j) std::copy_n(square[j], kSquare, to + j * to_stride);
}

// to (columns, to_stride) = from (rows, from_stride), transposed.
void transpose(const float* from, std::int64_t from_stride, int rows, int columns, float* to,
               std::int64_t to_stride) {
  const int whole_rows = rows / kSquare * kSquare, whole_columns = columns / kSquare * kSquare;
  for (int c = 0; c < whole_columns; c += kSquare)
    for (int r = 0; r < whole_rows; r += kSquare)
      transpose_square(from + r * from_stride + c, from_stride, to + c * to_stride + r, to_stride);
  for (int c = 0; c < columns; ++c)
    for (int r = c < whole_columns ? whole_rows : 0; r < rows; ++r)
      to[c * to_stride + r] = from[r * from_stride + c];
}

}  // namespace

Parameters::Parameters(const Program& program)
    : program_(program), shared_(std::make_shared<SharedParameters>()) {
  for (const Parameter& parameter : program.parameters) add(parameter);
  add_gradients();
}

Parameters::Parameters(const Program& program, const Parameters& sibling)
    : program_(program), shared_(sibling.shared_) {
  check_siblings(program, sibling.program_);
  add_gradients();
}

void Parameters::add(const Parameter& parameter) {
  const bool is_kernel = parameter.layout == Layout::kernel;
  std::int64_t stride = round_up(is_kernel ? parameter.rows : parameter.columns, kAlignment);
  // Not a multiple of 1 KiB: rows of a tile would fall into the same cache sets.
  if (is_kernel && stride % 256 == 0) stride += kAlignment;
  const std::int64_t lines = is_kernel ? parameter.columns : std::max(parameter.rows, 1);
  const std::int64_t size = stride * lines;
  ParameterMemory memory{stride, size, Floats(size), {}, shared_->pieces};
  for (int s = 0; parameter.trainable && s < program_.slots; ++s) memory.slots.emplace_back(size);
  shared_->pieces += memory.pieces();
  shared_->memory.push_back(std::move(memory));
  set(-1, count() - 1, first_values(parameter).data());
}

void Parameters::add_gradients() {
  for (int i = 0; i < count(); ++i) {
    const Parameter& parameter = program_.parameters[i];
    const bool is_kept = program_.keeps_gradients || parameter.update == Update::deferred ||
                         (parameter.update == Update::fused && parameter.layout == Layout::vector);
    gradients_.push_back(is_kept ? Floats((*this)[i].size) : Floats());
  }
}

// A kernel lies transposed.
void Parameters::copy_to(int index, const float* from, float* values) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = (*this)[index].stride;
  if (parameter.layout == Layout::kernel)
    return transpose(from, stride, parameter.columns, parameter.rows, values, parameter.columns);
  for (int row = 0; row < std::max(parameter.rows, 1); ++row)
    std::copy_n(from + row * stride, parameter.columns,
                values + row * std::int64_t{parameter.columns});
}

void Parameters::copy_from(int index, const float* values, float* to) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = (*this)[index].stride;
  if (parameter.layout == Layout::kernel)
    return transpose(values, parameter.columns, parameter.rows, parameter.columns, to, stride);
  for (int row = 0; row < std::max(parameter.rows, 1); ++row)
    std::copy_n(values + row * std::int64_t{parameter.columns}, parameter.columns,
                to + row * stride);
}

void Parameters::get(int slot, int index, float* values) const {
  const ParameterMemory& memory = (*this)[index];
  copy_to(index, (slot < 0 ? memory.values : memory.slots[slot]).data(), values);
}

void Parameters::set(int slot, int index, const float* values) {
  ParameterMemory& memory = (*this)[index];
  if (slot < 0) changes();
  copy_from(index, values, (slot < 0 ? memory.values : memory.slots[slot]).data());
}

void Parameters::get_gradient(int index, float* values) const {
  copy_to(index, gradients_[index].data(), values);
}

void Parameters::set_gradient(int index, const float* values) {
  copy_from(index, values, gradients_[index].data());
}

// A penalty has a gradient everywhere, and gradients that are kept may be read and written.
bool Parameters::has_named_gradient(int index) const {
  const Parameter& parameter = program_.parameters[index];
  return parameter.layout == Layout::table && parameter.update != Update::none &&
         !parameter.regularizer && !program_.keeps_gradients;
}

Normalizer Parameters::normalizer(const Task& task) const {
  return {values(task.kernel), values(task.bias), values(task.mean), values(task.variance)};
}

Table Parameters::table(const Task& task) const {
  const Parameter& parameter = program_.parameters[task.kernel];
  return {values(task.kernel), (*this)[task.kernel].stride, parameter.rows,
          parameter.columns,   parameter.padding,           task.bag};
}

Matrix Parameters::matrix(int index) const {
  const Parameter& parameter = program_.parameters[index];
  const bool is_kernel = parameter.layout == Layout::kernel;
  return {is_kernel ? parameter.columns : parameter.rows,
          is_kernel ? parameter.rows : parameter.columns, (*this)[index].stride};
}

}  // namespace neurode::cpu
