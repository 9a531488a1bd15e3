// Memory that ranges and predictions of a model take in turns: it grows to what the largest needs.
#pragma once

#include "native/engine/memory.h"

namespace neurode::cpu {

inline void grow(Floats& memory, std::int64_t size) {
  if (memory.size() < size) memory = Floats(size);
}

struct Workspace {
  Floats panels;      // the panels of a batch, or kTogether for each thread
  Floats row_values;  // losses, metrics and penalties of rows: (panels, row_values(), kPanel)
};

}  // namespace neurode::cpu
