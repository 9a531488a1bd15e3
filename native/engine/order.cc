// Shuffles the rows of an epoch by the Fisher-Yates algorithm, with Philox random numbers.
#include "native/engine/order.h"

#include <algorithm>
#include <numeric>
#include <utility>

#include "native/ops/random.h"

namespace neurode {

namespace ops = NEURODE_ISA_NAMESPACE::ops;

namespace {

constexpr std::int64_t kUntilAsked = 1 << 16;  // rows between two checks of `unwanted`

}  // namespace

std::vector<std::uint32_t> shuffled_order(const OrderKey& key) {
  const std::atomic<bool> never{false};
  return shuffled_order(key, never);
}

std::vector<std::uint32_t> shuffled_order(const OrderKey& key, const std::atomic<bool>& unwanted) {
  const std::int64_t rows = key.rows;
  std::vector<std::uint32_t> order;
  order.reserve(rows);
  for (std::int64_t first = 0; first < rows; first += kUntilAsked) {
    if (unwanted) return {};
    order.resize(std::min(rows, first + kUntilAsked));
    std::iota(order.begin() + first, order.end(), static_cast<std::uint32_t>(first));
  }
  const ops::PhiloxKey philox_key = ops::philox_key(key.seed, ops::Purpose::shuffle);
  const auto low = static_cast<std::uint32_t>(key.epoch),
             high = static_cast<std::uint32_t>(key.epoch >> 32);
  // Each draw needs two words, and a Philox block has four.
  ops::PhiloxBlock<std::uint32_t> block{};
  for (std::int64_t i = rows - 1; i > 0; --i) {
    const std::int64_t draw = rows - 1 - i;
    if (draw % kUntilAsked == 0 && unwanted) return {};
    if (draw % 2 == 0) {
      block =
          ops::philox<std::uint32_t>(static_cast<std::uint32_t>(draw / 2),
                                     static_cast<std::uint32_t>(draw >> 33), low, high, philox_key);
    }
    const std::uint32_t* words = block.words + draw % 2 * 2;
    std::swap(order[i], order[ops::bounded(words[0], words[1], static_cast<std::uint32_t>(i + 1))]);
  }
  return order;
}

}  // namespace neurode
