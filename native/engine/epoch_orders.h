// The orders of a model's epochs: that of the one that trains, and the next one's, drawn meanwhile.
#pragma once

#include <atomic>
#include <cstdint>
#include <future>
#include <optional>
#include <vector>

#include "native/engine/order.h"

namespace neurode {

// Rows whose next order is drawn ahead on a thread of its own, at least and at most.
constexpr std::int64_t kWorthAThread = 1 << 13;
constexpr std::int64_t kMostRowsAhead = 1 << 26;

class EpochOrders {
 public:
  EpochOrders() = default;
  ~EpochOrders() { forget_drawing(); }
  EpochOrders(const EpochOrders&) = delete;
  EpochOrders& operator=(const EpochOrders&) = delete;

  // The order of this key, valid until another is taken. The next epoch's begins to be drawn.
  const std::uint32_t* take(const OrderKey& key);
  // The order of the epoch after the one that was taken last, valid as long as that one; null while
  // it is being drawn, or where it is not drawn ahead.
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
  std::atomic<bool> unwanted_{false};  // what is being drawn
};

}  // namespace neurode
