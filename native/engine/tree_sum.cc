// The order in which gradients of the parts of a batch are added.
#include "native/engine/tree_sum.h"

namespace neurode {

void add_floats(float* to, const float* from, std::int64_t count) {
  for (std::int64_t i = 0; i < count; ++i) to[i] += from[i];
}

void tree_sum(float* arrays, int count, std::int64_t size) {
  for (int distance = 1; distance < count; distance *= 2) {
    for (int i = 0; i + distance < count; i += 2 * distance)
      add_floats(arrays + i * size, arrays + (i + distance) * size, size);
  }
}

void sum_over_ranks(Transport& transport, float* sums, float* received, std::int64_t count) {
  const std::int64_t slice = count / transport.size();
  const auto bytes = static_cast<std::size_t>(slice) * sizeof(float);
  transport.all_to_all(sums, received, bytes);
  tree_sum(received, transport.size(), slice);
  transport.all_gather(received, sums, bytes);
}

}  // namespace neurode
