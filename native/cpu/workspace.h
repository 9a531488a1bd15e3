// Memory that ranges and predictions of a model take in turns: it grows to what the largest needs.
#pragma once

#include <cstdint>

#include "native/engine/memory.h"

namespace neurode::cpu {

inline void grow(Floats& memory, std::int64_t size) {
  if (memory.size() < size) memory = Floats(size);
}

struct Workspace {
  Floats panels;            // the panels of a batch, or of some rows for each thread
  Floats row_values;        // see RowValues
  std::uint64_t turns = 0;  // counts who took it: what another turn left there is gone

  void take(std::int64_t floats_of_panels, std::int64_t floats_of_rows = 0) {
    ++turns;
    grow(panels, floats_of_panels);
    grow(row_values, floats_of_rows);
  }
};

}  // namespace neurode::cpu
