// The orders of a model's epochs. An order that was drawn ahead of time is used only for its own
// key.
#include "native/engine/epoch_orders.h"

#include <chrono>
#include <exception>
#include <utility>

namespace neurode {

const std::uint32_t* EpochOrders::take(const OrderKey& key) {
  if (!current_ || current_->key != key) {
    const bool is_ahead = ahead_ && ahead_->key == key;
    current_ = is_ahead ? std::move(ahead_) : std::optional<Drawn>{};
    ahead_.reset();
    if (!current_) current_ = drawn(key);
  }
  draw_ahead(key.next_epoch());
  return current_->order.data();
}

const std::uint32_t* EpochOrders::ahead() noexcept {
  if (!current_) return nullptr;
  const OrderKey key = current_->key.next_epoch();
  if (ahead_ && ahead_->key == key) return ahead_->order.data();
  const bool on_a_thread = key.rows >= kWorthAThread;
  if (on_a_thread &&
      (!is_drawing(key) || drawing_.wait_for(std::chrono::seconds(0)) != std::future_status::ready))
    return nullptr;
  try {
    ahead_ = drawn(key);
  } catch (const std::exception&) {  // take() draws the order instead
    return nullptr;
  }
  return ahead_->order.data();
}

// If the order is being drawn on another thread, this function waits for that thread.
EpochOrders::Drawn EpochOrders::drawn(const OrderKey& key) {
  if (is_drawing(key)) return {key, drawing_.get()};
  forget_drawing();
  return {key, shuffled_order(key)};
}

void EpochOrders::draw_ahead(const OrderKey& key) noexcept {
  const bool is_there = ahead_ && ahead_->key == key;
  if (is_there || is_drawing(key)) return;
  forget_drawing();
  if (key.rows < kWorthAThread || key.rows > kMostRowsAhead) return;
  try {
    drawing_ =
        std::async(std::launch::async, [this, key] { return shuffled_order(key, unwanted_); });
    drawing_key_ = key;
  } catch (const std::exception&) {  // no thread could start: take() draws the order instead
  }
}

void EpochOrders::forget_drawing() {
  if (!drawing_.valid()) return;
  unwanted_ = true;
  drawing_.wait();
  drawing_ = {};
  unwanted_ = false;
}

}  // namespace neurode
