// The gradients of the parts of a batch that this process computes, and their sums in the arena.
#include "cuda/kernels/parts.h"
#include "cuda/part_gradients.h"
#include "native/engine/tree_sum.h"

namespace neurode::cuda {

int PartGradients::level_of(int part) const {
  return tree_place(static_cast<unsigned>(part)).level;
}

template <class Visit>
void PartGradients::each_moving_statistic(Visit visit) const {
  for (int i = 0; i < static_cast<int>(program_.parameters.size()); ++i)
    if (parameters_.is_moving(i)) visit(i, parameters_.floats_of(i));
}

void PartGradients::begin(Launcher& launcher, int part, std::int64_t rows) const {
  const int level = level_of(part);
  if (rows == 0) {
    const auto bytes = static_cast<std::size_t>(parameters_.summed_floats()) * sizeof(float);
    if (bytes > 0)
      check(cudaMemsetAsync(parameters_.sums(level), 0, bytes, launcher.stream()),
            "clearing gradients");
    return;
  }
  each_moving_statistic([&](int i, std::int64_t floats) {
    scale_array(launcher, parameters_.gradient(i, level), parameters_.values(i), floats, 1, 1);
  });
}

void PartGradients::end(Launcher& launcher, int part, std::int64_t rows) const {
  auto [level, additions] = tree_place(static_cast<unsigned>(part));
  if (rows > 0) {
    each_moving_statistic([&](int i, std::int64_t floats) {
      float* const values = parameters_.gradient(i, level);
      scale_array(launcher, values, values, floats, static_cast<float>(rows), 1);
    });
  }
  for (; additions > 0; --additions, --level)
    add_array(launcher, parameters_.sums(level - 1), parameters_.sums(level),
              parameters_.summed_floats());
}

void PartGradients::end_statistics(Launcher& launcher, std::int64_t rows, bool update) const {
  each_moving_statistic([&](int i, std::int64_t floats) {
    float* const sums = parameters_.gradient(i);
    scale_array(launcher, sums, sums, floats, 1, static_cast<float>(rows));
    if (update) scale_array(launcher, parameters_.values(i), sums, floats, 1, 1);
  });
}

}  // namespace neurode::cuda
