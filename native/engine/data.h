// Views of the arrays a model works on: rows of input, their targets, and the sums that come back.
#pragma once

#include <cstdint>
#include <vector>

namespace neurode {

// Rows of input, (rows, features): value = element * scale + offset.
struct InputView {
  const std::uint8_t* bytes = nullptr;  // one of the two
  const float* floats = nullptr;
  std::int64_t rows = 0;
  int features = 0;
  float scale = 1;
  float offset = 0;
};

// Targets of the same rows: a class index each, or (rows, outputs).
struct TargetsView {
  const std::int32_t* classes = nullptr;  // one of the two
  const float* rows = nullptr;
  int outputs = 0;
};

struct DataView {
  InputView input;
  TargetsView targets;
  int handle =
      0;  // of the bound arrays: an executor may keep copies under it, until told to release them
};

// A range of batches of one epoch.
struct BatchRange {
  DataView data;
  // Row of the data at each position, or null for the given order.
  const std::uint32_t* order = nullptr;
  int batch_size = 0;
  std::int64_t first_batch = 0;
  std::int64_t batches = 0;
  std::uint64_t order_version = 0;  // changes when the order does
};

// Sums over the batches that ran. A batch's loss counts once per row; metrics are summed over rows.
struct Sums {
  std::int64_t batches = 0;
  std::int64_t rows = 0;
  double loss = 0;
  std::vector<double> metrics;
};

}  // namespace neurode
