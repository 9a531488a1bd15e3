// How rows are cut into panels.
#include "native/cpu/cuts.h"

#include <algorithm>

namespace neurode::cpu {

namespace {

// Rows [begin, begin + rows) as panels.
void add_panels(std::int64_t begin, std::int64_t rows, int threads, Cut& cut) {
  const int groups = static_cast<int>((rows + kGroup - 1) / kGroup);
  const int most = kPanel / kGroup;
  const int panels = std::min(groups, threads * ((groups + threads * most - 1) / (threads * most)));
  for (int i = 0; i < panels; ++i) {
    const Part groups_of_panel = part(groups, i, panels);
    const std::int64_t first = std::int64_t{groups_of_panel.begin} * kGroup;
    cut.first.push_back(static_cast<int>(begin + first));
    cut.rows.push_back(
        static_cast<int>(std::min(rows, std::int64_t{groups_of_panel.end} * kGroup) - first));
  }
}

}  // namespace

Cut cut_rows(std::int64_t rows, int positions, int threads, const Parts& parts) {
  Cut cut;
  const int threads_of_part = (threads + parts.mine - 1) / parts.mine;
  for (int p = parts.first; p < parts.end(); ++p) {
    cut.parts.push_back(cut.panels());
    const std::int64_t begin = parts.first_row(rows, p), end = parts.first_row(rows, p + 1);
    add_panels(begin * positions, (end - begin) * positions, threads_of_part, cut);
  }
  cut.parts.push_back(cut.panels());
  return cut;
}

}  // namespace neurode::cpu
