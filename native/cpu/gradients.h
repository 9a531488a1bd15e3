// What is computed over the whole batch: gradients of parameters, and statistics. Each thread takes
// some of the outputs.
#pragma once

#include <vector>

#include "native/cpu/kernels.h"
#include "native/cpu/named_tables.h"
#include "native/cpu/parameters.h"
#include "native/cpu/pass.h"
#include "native/cpu/updates.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// A batch whose rows have been through the pass.
struct Batch {
  const BatchCut& cut;
  RowsView rows;
  float* memory;
};

class Gradients {
 public:
  Gradients(const Program& program, const PassRunner& pass, Parameters& parameters,
            const Kernels& kernels, Updates& updates);

  // Takes the memory that so many threads need for a batch of so many rows. Before each range.
  void reserve(int threads, int rows);

  // A thread's part of a task of Axis::outputs that is no penalty or constraint. A gradient is
  // followed by its update where that waits for nothing else.
  void run(const Task& task, const Batch& batch, const Step& step, int thread, int threads);

 private:
  void dense(const Task& task, const Batch& batch, const Step& step, int thread, int threads);
  OptimizerStep point_at(WeightGradient& gradient, int parameter, bool adds, const Step& step);
  BatchLines lines_of(const Task& task, const Batch& batch) const;
  float* arena_of(int parameter);
  void embedding(const Task& task, const Batch& batch, const Step& step, int thread, int threads);
  void channels(const Task& task, const Batch& batch, const Step& step, int thread, int threads);
  void statistics(const Task& task, const BatchLines& lines, const Step& step);

  const Program& program_;
  const PassRunner& pass_;
  Parameters& parameters_;
  const Kernels& kernels_;
  Updates& updates_;
  const int optimizer_slots_;
  NamedTables tables_;
  std::int64_t scratch_floats_;  // that a thread needs
  std::vector<Floats> scratch_;  // by thread
};

}  // namespace neurode::cpu
