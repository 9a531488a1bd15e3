// Programs whose executors share parameters. Executors of every device use this, also those of
// libraries of their own, which have no compiler of Plans.
#pragma once

#include <algorithm>
#include <vector>

#include "native/engine/error.h"
#include "native/engine/program.h"

namespace neurode {

// Throws ERR_ARGUMENT unless two Programs have the same parameters and optimizer variables.
inline void check_siblings(const Program& program, const Program& other) {
  const auto is_same = [](const Parameter& a, const Parameter& b) {
    return a.layout == b.layout && a.rows == b.rows && a.columns == b.columns &&
           a.trainable == b.trainable;
  };
  const std::vector<Parameter>&own = program.parameters, &others = other.parameters;
  if (program.slots != other.slots || program.accumulator != other.accumulator ||
      program.average != other.average ||
      !std::equal(own.begin(), own.end(), others.begin(), others.end(), is_same))
    throw Error("ERR_ARGUMENT", "plan: expected the same parameters and the same optimizer");
}

}  // namespace neurode
