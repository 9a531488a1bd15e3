// The order in which gradients of the parts of a batch are added: a balanced binary tree over the
// parts. It contains the trees over the parts of each rank, so a sum has the same bits for any
// number of ranks.
#pragma once

#include <bit>
#include <cstdint>

#include "native/engine/transport.h"

namespace neurode {

// to += from.
void add_floats(float* to, const float* from, std::int64_t count);

// Adds up `count` arrays of `size` floats that lie one after the other. The sum replaces the first
// array; the others hold partial sums afterwards.
void tree_sum(float* arrays, int count, std::int64_t size);

// Replaces `sums` of each rank by the sum over all ranks, of which each adds up one slice. `count`
// is a multiple of the number of ranks; `received` holds as many floats.
void sum_over_ranks(Transport& transport, float* sums, float* received, std::int64_t count);

// The same sum of arrays that come one after the other, with memory for tree_levels() of them.
// Array `index` is stored at `level`. Then, `additions` times, the highest level that is in use is
// added to the level below it. Where the number of arrays is a power of two, their sum is then at
// level 0.
struct TreePlace {
  int level, additions;
};
inline TreePlace tree_place(unsigned index) {
  return {std::popcount(index), std::countr_zero(index + 1)};
}
inline int tree_levels(unsigned count) { return std::bit_width(count); }

}  // namespace neurode
