// Evaluates ranges of batches.
#pragma once

#include "cuda/pass.h"
#include "cuda/penalties.h"
#include "cuda/range.h"

namespace neurode::cuda {

constexpr int kMostEvaluated = 1024;  // rows at a time, where they have no weights

class Evaluation {
 public:
  Evaluation(const Program& program, PassRunner& pass, const Penalties& penalties, Range& range)
      : program_(program), pass_(pass), penalties_(penalties), range_(range) {}

  // Takes memory for ranges of so many rows.
  void reserve(std::int64_t rows, std::int64_t batch_size, bool weighted);
  // A range that was cancelled has no sums.
  void run(Launcher& launcher, const plugin::RangeRecord& range, const plugin::CancelRecord& cancel,
           plugin::SumsRecord& sums);

 private:
  const Program& program_;
  PassRunner& pass_;
  const Penalties& penalties_;
  Range& range_;
};

}  // namespace neurode::cuda
