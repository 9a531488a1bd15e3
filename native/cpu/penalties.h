// Penalties of parameters on the CPU: their values, and what they add to gradients in the arena.
// Values are added up in an order that is the same for any number of threads.
#pragma once

#include <vector>

#include "native/cpu/kernels.h"
#include "native/cpu/parameters.h"
#include "native/cpu/pass_plan.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

class Penalties {
 public:
  Penalties(const Program& program, Parameters& parameters, const Kernels& kernels);

  // Takes the memory that so many threads need. Before each range.
  void reserve(int threads);

  // Of one piece: its value, and its gradient added to that in the arena.
  void add_gradient(const Piece& piece);
  // Of whole rows or columns of a parameter: a thread's part of them.
  void add_matrix_gradient(int parameter, int thread, int threads);
  // The values of all, where no update wants their gradients: a thread's part of them.
  void measure(int thread, int threads);

  // The sum of all values there are.
  double sum() const;

 private:
  void run_on_piece(int parameter, std::int64_t begin, int count, bool learns);
  void run_on_matrix(int parameter, int thread, int threads, bool learns);

  const Program& program_;
  Parameters& parameters_;
  const Kernels& kernels_;
  std::vector<std::vector<double>> values_;  // by parameter, then by piece or vector of a matrix
  std::int64_t scratch_floats_ = 0;          // that a thread needs
  std::vector<Floats> scratch_;              // by thread
};

}  // namespace neurode::cpu
