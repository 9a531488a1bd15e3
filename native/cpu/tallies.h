// The sums of tallies over a range. Rows are cut into slices that do not depend on the number of
// threads. A slice has sums of its own, to which one thread at a time adds its rows in order, and
// the sums of slices are added in order: any number of threads gives the same bits.
#pragma once

#include <cstdint>

#include "native/cpu/pass.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

class Tallies {
 public:
  Tallies(const Program& program, const PassRunner& pass) : program_(program), pass_(pass) {}

  // Before a range of batches of at most so many rows: takes memory and clears the sums.
  void begin_batches(int rows);
  // A thread's part of a batch whose rows have been through the pass.
  void add_batch(const BatchRows& batch, int rows, int thread, int threads);

  // Before an evaluation of so many groups. Returns how many slices they are cut into: at most one
  // for each group.
  std::int64_t begin_slices(std::int64_t groups);
  // Adds rows [begin, end) of a batch to a slice.
  void add_rows(const BatchRows& batch, int begin, int end, std::int64_t slice);

  void add_to(Sums& sums) const;

 private:
  std::int64_t take(std::int64_t slices);
  double* sums_of(const Tally& tally, std::int64_t slice) {
    return memory_.data() + slice * program_.tally_sums + tally.first;
  }

  const Program& program_;
  const PassRunner& pass_;
  Uninitialized<double> memory_;  // (slices, Program::tally_sums)
  std::int64_t slices_ = 0;
  // Parts of batches are cut into so many pieces of so many rows, and slices are pieces in a row.
  int pieces_of_part_ = 1, rows_ = 0;
};

}  // namespace neurode::cpu
