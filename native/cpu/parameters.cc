// A model's parameters on the CPU, their gradients that wait for an update, and optimizer
// variables.
#include "native/cpu/parameters.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "native/engine/siblings.h"

namespace neurode::cpu {
namespace {

constexpr int kSquare = 4;
constexpr int kLine = 16;  // floats of a cache line
typedef float Four __attribute__((vector_size(4 * kSquare)));

Four load(const float* from) {
  Four four;
  std::memcpy(&four, from, sizeof four);
  return four;
}
void store(Four four, float* to) { std::memcpy(to, &four, sizeof four); }

void transpose_square(const float* from, std::int64_t from_stride, float* to,
                      std::int64_t to_stride) {
  const Four a = load(from), b = load(from + from_stride), c = load(from + 2 * from_stride),
             d = load(from + 3 * from_stride);
  const Four ab = __builtin_shufflevector(a, b, 0, 4, 1, 5),
             cd = __builtin_shufflevector(c, d, 0, 4, 1, 5),
             last_ab = __builtin_shufflevector(a, b, 2, 6, 3, 7),
             last_cd = __builtin_shufflevector(c, d, 2, 6, 3, 7);
  store(__builtin_shufflevector(ab, cd, 0, 1, 4, 5), to);
  store(__builtin_shufflevector(ab, cd, 2, 3, 6, 7), to + to_stride);
  store(__builtin_shufflevector(last_ab, last_cd, 0, 1, 4, 5), to + 2 * to_stride);
  store(__builtin_shufflevector(last_ab, last_cd, 2, 3, 6, 7), to + 3 * to_stride);
}

// to (columns, to_stride) = from (rows, from_stride), transposed: whole cache lines of `to` one
// after the other.
void transpose(const float* from, std::int64_t from_stride, int rows, int columns, float* to,
               std::int64_t to_stride) {
  const int whole_rows = rows / kSquare * kSquare, whole_columns = columns / kSquare * kSquare;
  for (int line = 0; line < whole_rows; line += kLine)
    for (int c = 0; c < whole_columns; c += kSquare)
      for (int r = line; r < std::min(line + kLine, whole_rows); r += kSquare)
        transpose_square(from + r * from_stride + c, from_stride, to + c * to_stride + r,
                         to_stride);
  for (int c = 0; c < columns; ++c)
    for (int r = c < whole_columns ? whole_rows : 0; r < rows; ++r)
      to[c * to_stride + r] = from[r * from_stride + c];
}

// By parameter: whether the tasks that find the statistics of a batch, or sums for its gradients,
// write its gradient. They are in the middle of the backward pass.
std::vector<bool> parameters_of_statistics(const Program& program) {
  std::vector<bool> found(program.parameters.size(), false);
  const auto add = [&](int index) {
    if (index >= 0) found[index] = true;
  };
  for (const Task& task : program.train.tasks) {
    if (task.kind == TaskKind::batch_sums) {
      add(task.kernel);
      add(task.bias);
    } else if (task.kind == TaskKind::batch_statistics) {
      add(task.mean);
      add(task.variance);
    }
  }
  return found;
}

}  // namespace

Parameters::Parameters(const Program& program)
    : program_(program), shared_(std::make_shared<SharedParameters>()) {
  for (const Parameter& parameter : program.parameters) add(parameter);
  plan_gradients();
}

Parameters::Parameters(const Program& program, const Parameters& sibling)
    : program_(program), shared_(sibling.shared_) {
  check_siblings(program, sibling.program_);
  plan_gradients();
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

// A gradient is kept unless it is used up where it is computed.
void Parameters::plan_gradients() {
  const std::vector<bool> of_batch = parameters_of_statistics(program_);
  const auto is_kept = [&](int index) {
    const Parameter& parameter = program_.parameters[index];
    return program_.keeps_gradients || parameter.update == Update::deferred ||
           (parameter.update == Update::fused && parameter.layout == Layout::vector) ||
           (program_.parts.count > 1 && of_batch[index]);
  };
  enum class Place { at_end, within, not_summed };
  const auto place_of = [&](int index) {
    if (program_.parameters[index].update != Update::deferred && !of_batch[index])
      return Place::not_summed;
    return of_batch[index] ? Place::within : Place::at_end;
  };
  plan_.offset.assign(count(), -1);
  const auto add = [&](Place place) {
    for (int i = 0; i < count(); ++i) {
      if (!is_kept(i) || place_of(i) != place) continue;
      plan_.offset[i] = plan_.size;
      plan_.size += (*this)[i].size;
    }
    return plan_.size;
  };
  plan_.at_end = add(Place::at_end);
  plan_.summed = add(Place::within);
  if (const int ranks = program_.parts.count / program_.parts.mine; ranks > 1) {
    const std::int64_t lines = (plan_.summed + 1 + kAlignment - 1) / kAlignment;
    plan_.exchanged = plan_.size = (lines + ranks - 1) / ranks * ranks * kAlignment;
  }
  add(Place::not_summed);
  gradients_ = Floats(plan_.size);
}

// The rows of a parameter that are a thread's: a vector is one row.
Part Parameters::rows_of(int index, int thread, int threads) const {
  return part(std::max(program_.parameters[index].rows, 1), thread, threads);
}

// Some rows of a parameter. A kernel lies transposed.
void Parameters::copy_to(int index, const float* from, Part rows, float* values) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = (*this)[index].stride, columns = parameter.columns;
  if (parameter.layout == Layout::kernel)
    return transpose(from + rows.begin, stride, parameter.columns, rows.end - rows.begin,
                     values + rows.begin * columns, columns);
  for (int row = rows.begin; row < rows.end; ++row)
    std::copy_n(from + row * stride, columns, values + row * columns);
}

void Parameters::copy_from(int index, const float* values, Part rows, float* to) const {
  const Parameter& parameter = program_.parameters[index];
  const std::int64_t stride = (*this)[index].stride, columns = parameter.columns;
  if (parameter.layout == Layout::kernel)
    return transpose(values + rows.begin * columns, columns, rows.end - rows.begin,
                     parameter.columns, to + rows.begin, stride);
  for (int row = rows.begin; row < rows.end; ++row)
    std::copy_n(values + row * columns, columns, to + row * stride);
}

void Parameters::get(int slot, int index, float* values) const {
  const ParameterMemory& memory = (*this)[index];
  const float* const from = (slot < 0 ? memory.values : memory.slots[slot]).data();
  copy_to(index, from, rows_of(index, 0, 1), values);
}

void Parameters::set(int slot, int index, const float* values) {
  ParameterMemory& memory = (*this)[index];
  if (slot < 0) changes();
  float* const to = (slot < 0 ? memory.values : memory.slots[slot]).data();
  copy_from(index, values, rows_of(index, 0, 1), to);
}

void Parameters::get_gradients(std::span<float* const> values, int thread, int threads) {
  for (int i = 0; i < count(); ++i)
    if (values[i] != nullptr) copy_to(i, gradient(i), rows_of(i, thread, threads), values[i]);
}

void Parameters::set_gradients(std::span<const float* const> values, int thread, int threads) {
  for (int i = 0; i < count(); ++i)
    if (values[i] != nullptr) copy_from(i, values[i], rows_of(i, thread, threads), gradient(i));
}

// A penalty has a gradient everywhere, gradients that are kept may be read and written, and those
// of parts name different vectors.
bool Parameters::has_named_gradient(int index) const {
  const Parameter& parameter = program_.parameters[index];
  return parameter.layout == Layout::table && parameter.update != Update::none &&
         !parameter.regularizer && !program_.keeps_gradients && program_.parts.count == 1;
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
