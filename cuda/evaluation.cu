// Evaluates ranges of batches.
#include <algorithm>

#include "cuda/evaluation.h"
#include "cuda/inputs.h"

namespace neurode::cuda {
namespace {

// Each weighted batch has its own loss scale, so weighted batches run one at a time.
std::int64_t rows_at_a_time(std::int64_t batch_size, bool weighted) {
  return weighted ? batch_size : kMostEvaluated;
}

}  // namespace

void Evaluation::reserve(std::int64_t rows, std::int64_t batch_size, bool weighted) {
  pass_.reserve(static_cast<int>(std::min(rows_at_a_time(batch_size, weighted), rows)));
}

void Evaluation::run(Launcher& launcher, const plugin::RangeRecord& range,
                     const plugin::CancelRecord& cancel, plugin::SumsRecord& sums) {
  const RunState state = range_.begin(range);
  const std::int64_t begin = state.position;
  const std::int64_t end = std::min(state.total, begin + range.batches * state.batch_size);
  const bool weighted = range.weights != nullptr;
  const std::int64_t chunk = rows_at_a_time(state.batch_size, weighted);
  reserve(end - begin, state.batch_size, weighted);
  range_.write(state);
  penalties_.measure(launcher);
  std::int64_t launched = 0;
  for (std::int64_t first = begin; first < end && !asked(cancel); first += chunk, ++launched) {
    const int rows = static_cast<int>(std::min(chunk, end - first));
    pass_.enqueue(
        launcher,
        {.state = range_.state(), .rows = rows, .sums = range_.sums(), .weighted = weighted});
    range_.pace(launched);
  }
  range_.end(range, state, sums);
  if (launched * chunk < end - begin) {  // The range was cancelled: it reports no partial sums.
    sums.penalty = 0;
    std::fill_n(sums.heads, program_.heads.size(), plugin::HeadSumsRecord{});
    std::fill_n(sums.metrics, program_.metrics, 0.0);
    return;
  }
  sums.rows = end - begin;
  sums.batches = (end - begin + state.batch_size - 1) / state.batch_size;
}

}  // namespace neurode::cuda
