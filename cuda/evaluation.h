// Evaluates ranges of batches.
#pragma once

#include "cuda/pass.h"
#include "cuda/penalties.h"
#include "cuda/range.h"

namespace neurode::cuda {

constexpr int kMostEvaluated = 1024;  // the most rows in one pass, for batches without weights

class Evaluation {
 public:
  Evaluation(const Program& program, PassRunner& pass, const Penalties& penalties, Range& range)
      : program_(program), pass_(pass), penalties_(penalties), range_(range) {}

  // Allocates memory for ranges of up to `rows` rows.
  void reserve(std::int64_t rows, std::int64_t batch_size, bool weighted);
  // Writes the sums of the range to `sums`; they are zero if the range was cancelled.
  void run(Launcher& launcher, const plugin::RangeRecord& range, const plugin::CancelRecord& cancel,
           plugin::SumsRecord& sums);

 private:
  const Program& program_;
  PassRunner& pass_;
  const Penalties& penalties_;
  Range& range_;
};

}  // namespace neurode::cuda
