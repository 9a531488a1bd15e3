// The order in which an epoch visits the rows: Fisher-Yates with Philox.
#include "native/engine/order.h"

#include <numeric>
#include <utility>

#include "native/ops/random.h"

namespace neurode {

namespace ops = NEURODE_ISA_NAMESPACE::ops;

std::vector<std::uint32_t> shuffled_order(std::int64_t rows, std::uint64_t seed,
                                          std::int64_t epoch) {
  std::vector<std::uint32_t> order(rows);
  std::iota(order.begin(), order.end(), 0u);
  const ops::PhiloxKey key = ops::philox_key(seed, ops::Purpose::shuffle);
  const auto low = static_cast<std::uint32_t>(epoch),
             high = static_cast<std::uint32_t>(epoch >> 32);
  // A block serves two draws.
  ops::PhiloxBlock<std::uint32_t> block{};
  for (std::int64_t i = rows - 1; i > 0; --i) {
    const std::int64_t draw = rows - 1 - i;
    if (draw % 2 == 0) {
      block = ops::philox<std::uint32_t>(static_cast<std::uint32_t>(draw / 2),
                                         static_cast<std::uint32_t>(draw >> 33), low, high, key);
    }
    const std::uint32_t* words = block.words + draw % 2 * 2;
    std::swap(order[i], order[ops::bounded(words[0], words[1], static_cast<std::uint32_t>(i + 1))]);
  }
  return order;
}

}  // namespace neurode
