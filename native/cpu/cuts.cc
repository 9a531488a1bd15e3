// How rows are cut into panels.
#include "native/cpu/cuts.h"

#include <algorithm>

namespace neurode::cpu {

Cut cut_rows(std::int64_t rows, int threads) {
  const int groups = static_cast<int>((rows + kGroup - 1) / kGroup);
  const int most = kPanel / kGroup;
  const int panels = std::min(groups, threads * ((groups + threads * most - 1) / (threads * most)));
  Cut cut;
  for (int i = 0; i < panels; ++i) {
    const Part groups_of_panel = part(groups, i, panels);
    const std::int64_t first = std::int64_t{groups_of_panel.begin} * kGroup;
    cut.first.push_back(static_cast<int>(first));
    cut.rows.push_back(
        static_cast<int>(std::min(rows, std::int64_t{groups_of_panel.end} * kGroup) - first));
  }
  return cut;
}

}  // namespace neurode::cpu
