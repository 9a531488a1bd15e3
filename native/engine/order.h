// The order in which an epoch visits the rows.
#pragma once

#include <atomic>
#include <cstdint>
#include <vector>

namespace neurode {

// What an order is drawn from: equal keys have equal orders, on every device.
struct OrderKey {
  std::int64_t rows = 0;
  std::uint64_t seed = 0;
  std::int64_t epoch = 0;

  bool operator==(const OrderKey&) const = default;
  OrderKey next_epoch() const { return {rows, seed, epoch + 1}; }
};

// A permutation of [0, rows).
std::vector<std::uint32_t> shuffled_order(const OrderKey& key);
// The same; none at all soon after `unwanted` is set.
std::vector<std::uint32_t> shuffled_order(const OrderKey& key, const std::atomic<bool>& unwanted);

}  // namespace neurode
