// The sums of tallies over a range, slice by slice.
#include "native/cpu/tallies.h"

#include <algorithm>

#include "native/cpu/cuts.h"

namespace neurode::cpu {
namespace {

// Upper bounds of the slices: of a batch, of an evaluation, and of the sums of all slices.
constexpr std::int64_t kMostOfBatch = 16;
constexpr std::int64_t kMostOfEvaluation = 64;
constexpr std::int64_t kMostSums = std::int64_t{1} << 21;
// A piece of a part of a batch has at least so many rows, where the part has.
constexpr std::int64_t kLeastRows = 32;

}  // namespace

// Takes the sums of so many slices, or of fewer if they are many, and at least of one.
std::int64_t Tallies::take(std::int64_t slices) {
  slices_ = std::clamp<std::int64_t>(kMostSums / program_.tally_sums, 1, slices);
  const std::int64_t size = slices_ * program_.tally_sums;
  if (memory_.size() < size) memory_ = Uninitialized<double>(size);
  std::fill_n(memory_.data(), size, 0.0);
  return slices_;
}

void Tallies::begin_batches(int rows) {
  if (program_.tallies.empty()) return;
  const Parts& parts = program_.parts;
  const std::int64_t rows_of_part = (rows + parts.count - 1) / parts.count;
  pieces_of_part_ =
      static_cast<int>(std::min((rows_of_part + kLeastRows - 1) / kLeastRows,
                                std::max<std::int64_t>(kMostOfBatch / parts.mine, 1)));
  rows_ =
      round_up(static_cast<int>((rows_of_part + pieces_of_part_ - 1) / pieces_of_part_), kGroup);
  take(std::int64_t{pieces_of_part_} * parts.mine);
}

void Tallies::add_batch(const BatchRows& batch, int rows, int thread, int threads) {
  if (program_.tallies.empty()) return;
  const Parts& parts = program_.parts;
  const std::int64_t pieces = std::int64_t{pieces_of_part_} * parts.mine;
  const Part mine = part(static_cast<int>(slices_), thread, threads);
  for (std::int64_t slice = mine.begin; slice < mine.end; ++slice) {
    for (std::int64_t i = pieces * slice / slices_; i < pieces * (slice + 1) / slices_; ++i) {
      const int index = parts.first + static_cast<int>(i) / pieces_of_part_;
      const std::int64_t begin =
          parts.first_row(rows, index) + i % pieces_of_part_ * std::int64_t{rows_};
      const std::int64_t end = std::min(parts.first_row(rows, index + 1), begin + rows_);
      add_rows(batch, static_cast<int>(begin), static_cast<int>(end), slice);
    }
  }
}

std::int64_t Tallies::begin_slices(std::int64_t groups) {
  if (program_.tallies.empty()) return groups;
  return take(std::min(groups, kMostOfEvaluation));
}

void Tallies::add_rows(const BatchRows& batch, int begin, int end, std::int64_t slice) {
  for (const Tally& tally : program_.tallies) {
    const PanelGroup group = pass_.group_of(batch, tally);
    const int first_lane = begin * group.positions, last_lane = end * group.positions;
    for (int panel = 0; panel < group.panels.count; ++panel) {
      const int start = group.first[panel];
      const int first = std::max(first_lane - start, 0);
      const int lanes = std::min(last_lane - start, group.panels.rows[panel]) - first;
      if (lanes > 0) pass_.tally(tally, group, panel, first, lanes, sums_of(tally, slice));
    }
  }
}

void Tallies::add_to(Sums& sums) const {
  if (program_.tallies.empty()) return;
  for (std::int64_t slice = 0; slice < slices_; ++slice) {
    const double* const own = memory_.data() + slice * program_.tally_sums;
    for (std::int64_t i = 0; i < program_.tally_sums; ++i) sums.tallies[i] += own[i];
  }
}

}  // namespace neurode::cpu
