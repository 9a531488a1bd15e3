// Tallies: metrics whose value is computed from several sums over rows, such as the weights of
// positives between neighbouring thresholds. Native code adds up the sums, TypeScript computes the
// value.
#pragma once

#include <cstdint>

#include "native/engine/data.h"
#include "native/engine/program.h"

namespace neurode {

// In the order of TallyPlan::Kind.
constexpr const char* kTallyKinds[] = {"thresholds", "classes", "confusion",   "sides",
                                       "moments",    "pearson", "concordance", "crossentropy"};

// The most rows that are added at once, and how far their values of an output are from those of the
// next.
constexpr int kTallyRows = 16;
constexpr int kTallyStride = 64;

// Rows of outputs with their targets, both (outputs, kTallyStride). A row whose weight is NaN is
// not counted.
struct TallyRows {
  const float* outputs;
  const float* targets;
  const float* weights;
  int rows;
};

// Adds rows to the sums of a tally. The sums depend on the rows and their order alone.
void add_to_tally(const Tally& tally, const TallyRows& rows, double* sums);

// Adds rows as BatchRange::captured has them to the sums of all tallies.
void add_captured(const Program& program, const float* captured, std::int64_t rows,
                  std::vector<double>& sums);

}  // namespace neurode
