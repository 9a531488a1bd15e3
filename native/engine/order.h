// The order in which an epoch visits the rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace neurode {

// An order is a function of its key: equal keys give equal orders, on every device.
struct OrderKey {
  std::int64_t rows = 0;
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;

  bool operator==(const OrderKey&) const = default;
  OrderKey next_epoch() const { return {rows, seed, epoch + 1}; }
};

// Returns a permutation of [0, rows).
std::vector<std::uint32_t> shuffled_order(const OrderKey& key);
// As above. Soon after `unwanted` is set, the function stops and returns an empty vector.
std::vector<std::uint32_t> shuffled_order(const OrderKey& key, const std::atomic<bool>& unwanted);

}  // namespace neurode
