// The order of the epoch that trains, and the order of the next epoch, drawn in the background.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <optional>
#include <vector>

#include "native/engine/order.h"

namespace neurode {

// The next order is drawn ahead on a separate thread if it has between kWorthAThread and
// kMostRowsAhead rows.
constexpr std::int64_t kWorthAThread = 1 << 13;
constexpr std::int64_t kMostRowsAhead = 1 << 26;

class EpochOrders {
 public:
  EpochOrders() = default;
  ~EpochOrders() { forget_drawing(); }
  EpochOrders(const EpochOrders&) = delete;
  EpochOrders& operator=(const EpochOrders&) = delete;

  // Returns the order of this key, valid until take() returns another order, and starts to draw the
  // order of the next epoch.
  const std::uint32_t* take(const OrderKey& key);
  // Returns the order of the epoch after the one that take() returned last. This order is valid as
  // long as that one. Null: the order is still being drawn, or is not drawn ahead.
  const std::uint32_t* ahead() noexcept;

 private:
  struct Drawn {
    OrderKey key;
    std::vector<std::uint32_t> order;
  };

  bool is_drawing(const OrderKey& key) const { return drawing_.valid() && drawing_key_ == key; }
  Drawn drawn(const OrderKey& key);
  void draw_ahead(const OrderKey& key) noexcept;
  void forget_drawing();

  std::optional<Drawn> current_, ahead_;
  OrderKey drawing_key_;
  std::future<std::vector<std::uint32_t>> drawing_;
  std::atomic<bool> unwanted_{false};  // tells the thread that draws to stop
};

}  // namespace neurode
