// Orders of epochs: an order that was drawn ahead is used only for its own key, whatever was
// requested before.
#include <algorithm>
#include <atomic>
#include <cstdint>
#include <cstring>
#include <memory>
#include <thread>
#include <vector>

#include "native/engine/epoch_orders.h"
#include "test/native/check.h"

namespace neurode {
namespace {

class Random {
 public:
  explicit Random(std::uint32_t seed) : state_(seed) {}
  int below(int limit) {
    state_ = state_ * 1664525 + 1013904223;
    return static_cast<int>((state_ >> 8) % static_cast<std::uint32_t>(limit));
  }

 private:
  std::uint32_t state_;
};

bool is_order_of(const std::uint32_t* order, const OrderKey& key) {
  const std::vector<std::uint32_t> expected = shuffled_order(key);
  return std::memcmp(order, expected.data(), expected.size() * sizeof(std::uint32_t)) == 0;
}

TEST_CASE("orders are permutations of their key") {
  for (const std::int64_t rows : {1, 2, 3, 1000, 65535, 65536, 65537, 200000}) {
    std::vector<std::uint32_t> order = shuffled_order({rows, 5, 1});
    CHECK(order == shuffled_order({rows, 5, 1}));
    if (rows > 3) {
      CHECK(order != shuffled_order({rows, 6, 1}));
      CHECK(order != shuffled_order({rows, 5, 2}));
    }
    std::sort(order.begin(), order.end());
    for (std::int64_t i = 0; i < rows; ++i) CHECK(order[i] == i);
  }
  const std::atomic<bool> unwanted{true};
  CHECK(shuffled_order({100, 5, 1}, unwanted).empty());
}

// Imitates fits: some epochs on some number of rows, then on others. Each epoch has ranges, which
// ask for the next order.
void random_fits(std::uint32_t seed) {
  Random random(seed);
  EpochOrders orders;
  const int rows[] = {1, 100, kWorthAThread - 1, kWorthAThread, kWorthAThread + 1, 30000};
  for (int fit = 0; fit < 12; ++fit) {
    OrderKey key{rows[random.below(6)], static_cast<std::uint64_t>(random.below(2)),
                 random.below(3)};
    for (int epochs = 1 + random.below(4); epochs > 0; --epochs, key = key.next_epoch()) {
      for (int ranges = 1 + random.below(3); ranges > 0; --ranges) {
        CHECK_THAT(is_order_of(orders.take(key), key), "fit %d of %u: another order", fit, seed);
        const std::uint32_t* ahead = random.below(2) == 0 ? nullptr : orders.ahead();
        while (ahead == nullptr && random.below(4) == 0) {
          std::this_thread::yield();
          ahead = orders.ahead();
        }
        if (ahead != nullptr)
          CHECK_THAT(is_order_of(ahead, key.next_epoch()), "fit %d of %u: ahead", fit, seed);
        CHECK(is_order_of(orders.take(key), key));
      }
    }
  }
}

TEST_CASE("random fits get the orders of their keys") {
  for (std::uint32_t seed = 0; seed < 20; ++seed) random_fits(seed);
}

TEST_CASE("what is ahead comes in time") {
  EpochOrders orders;
  CHECK(orders.ahead() == nullptr);
  for (const std::int64_t rows : {10, 20000}) {
    OrderKey key{rows, 3, 0};
    orders.take(key);
    const std::uint32_t* ahead = nullptr;
    while (ahead == nullptr) ahead = orders.ahead();
    CHECK(is_order_of(ahead, key.next_epoch()));
    CHECK(orders.take(key.next_epoch()) == ahead);
  }
}

// Each iteration leaves a drawing that is no longer wanted. If the drawing continued, it would use
// freed memory.
TEST_CASE("unwanted drawings end") {
  for (int i = 0; i < 20; ++i) {
    auto orders = std::make_unique<EpochOrders>();
    orders->take({1 << 20, 1, i});
    if (i % 2 == 0) CHECK(is_order_of(orders->take({50, 2, 1}), {50, 2, 1}));
    if (i % 4 == 0) orders->take({1 << 19, 2, 1});
  }
}

}  // namespace
}  // namespace neurode
