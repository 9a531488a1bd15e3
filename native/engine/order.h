// The order in which an epoch visits the rows.
#pragma once

#include <cstdint>
#include <vector>

namespace neurode {

// A permutation of [0, rows), the same for a seed and an epoch on every device.
std::vector<std::uint32_t> shuffled_order(std::int64_t rows, std::uint64_t seed,
                                          std::int64_t epoch);

}  // namespace neurode
