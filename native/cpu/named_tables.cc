// The tables of which a step's gradients are computed for those vectors alone that its batch names.
#include "native/cpu/named_tables.h"

#include <algorithm>

namespace neurode::cpu {

NamedTables::NamedTables(const Program& program, const Pass& pass, Parameters& parameters)
    : program_(program), parameters_(parameters) {
  for (const Task& task : pass.tasks) {
    if (task.kind != TaskKind::embedding_gradients || !parameters.has_named_gradient(task.kernel))
      continue;
    auto found = std::find_if(tables_.begin(), tables_.end(), [&](const NamedTable& table) {
      return table.parameter == task.kernel;
    });
    if (found == tables_.end()) {
      found = tables_.insert(found, NamedTable{.parameter = task.kernel});
      found->places.resize(program.parameters[task.kernel].rows);
    }
    found->indices += pass.width(task.input);
  }
}

// A table of its own in memory for each thread would do; so would all of a batch's indices.
void NamedTables::reserve(int threads, int rows) {
  for (NamedTable& table : tables_) {
    if (static_cast<int>(table.threads.size()) < threads) table.threads.resize(threads);
    const Parameter& parameter = program_.parameters[table.parameter];
    const bool in_place = parameter.update == Update::deferred;
    const std::int64_t most = std::min<std::int64_t>(
        table.indices * rows, (parameter.rows + std::int64_t{threads} - 1) / threads);
    for (int t = 0; t < threads; ++t) {
      OfThread& own = table.threads[t];
      const std::int64_t floats = most * parameters_[table.parameter].stride;
      if (static_cast<std::int64_t>(own.vectors.size()) < most) own.vectors.resize(most);
      if (!in_place && own.sums.size() < floats) own.sums = Uninitialized<float>(floats);
      own.named = {.thread = t,
                   .threads = threads,
                   .vectors = own.vectors.data(),
                   .places = table.places.data(),
                   .count = 0,
                   .sums = in_place ? parameters_.gradient(table.parameter) : own.sums.data(),
                   .in_place = in_place};
    }
  }
}

NamedVectors* NamedTables::of(int parameter, int thread) {
  for (NamedTable& table : tables_)
    if (table.parameter == parameter) return &table.threads[thread].named;
  return nullptr;
}

}  // namespace neurode::cpu
