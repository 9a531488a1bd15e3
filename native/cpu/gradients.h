// What is computed over the whole batch: gradients of parameters, and statistics. Each thread takes
// some of the outputs.
#pragma once

#include <vector>

#include "native/cpu/kernels.h"
#include "native/cpu/named_tables.h"
#include "native/cpu/parameters.h"
#include "native/cpu/part_gradients.h"
#include "native/cpu/pass.h"
#include "native/cpu/updates.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// A batch whose rows have been through the pass.
struct Batch {
  const BatchCut& cut;
  RowsView rows;  // of the whole batch
  float* memory;
};

// A part of a batch in one layout: of a batch that is not cut, all of it.
struct BatchPart {
  BatchPart(const Batch& batch, int index, const PassPlan& plan, int layout);

  int index;  // among the parts of this process
  int layout;
  int panels;
  const int* panel_rows;
  RowsView rows;
  float* memory;  // of its first panel
};

class Gradients {
 public:
  Gradients(const Program& program, const PassRunner& pass, Parameters& parameters,
            PartGradients& parts, const Kernels& kernels, Updates& updates);

  // Takes the memory that so many threads need for a batch of so many rows. Before each range.
  void reserve(int threads, int rows);

  // A thread's share of a task of Axis::outputs that is no penalty or constraint, on these parts of
  // this process. A gradient is followed by its update where that waits for nothing else.
  void run(const Task& task, const Batch& batch, const Part& parts, const Step& step, int thread,
           int threads);

 private:
  void dense(const Task& task, const Batch& batch, const Part& parts, const Step& step, int thread,
             int threads);
  WeightGradient of_part(const Task& task, const BatchPart& part) const;
  void dense_gradient(const Task& task, int parameter, WeightGradient& gradient,
                      const GradientLines& lines, const BatchPart& part, const Step& step,
                      int thread);
  BatchLines lines_of(const Task& task, const BatchPart& part) const;
  PartGradient place_of(const Task& task, int parameter, const BatchPart& part);
  void complete(const Task& task, int parameter, const PartGradient& gradient,
                const GradientLines& lines);
  void embedding(const Task& task, const BatchPart& part, const Step& step, int thread,
                 int threads);
  void channels(const Task& task, const BatchPart& part, const Step& step, int thread, int threads);
  void statistics(const Task& task, const BatchPart& part, const BatchLines& lines,
                  const Step& step);

  const Program& program_;
  const PassRunner& pass_;
  Parameters& parameters_;
  PartGradients& parts_;
  const Kernels& kernels_;
  Updates& updates_;
  const int optimizer_slots_;
  NamedTables tables_;
  std::int64_t scratch_floats_;  // that a thread needs
  std::vector<Floats> scratch_;  // by thread
};

}  // namespace neurode::cpu
