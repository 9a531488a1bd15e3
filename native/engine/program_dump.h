// Programs as text, so that a change of the compiler can be seen in what it makes of every model.
#pragma once

#include <string>

#include "native/engine/program.h"

namespace neurode {

// Every field by its meaning: names of kinds and of rows of the op table, tensors with their
// shapes. Seeds are left out: they differ from run to run where a model was given none.
std::string describe(const Program& program);

// Writes the description into the folder that NEURODE_DUMP_PROGRAMS names, as a file called by the
// text's hash: one for each different Program. Does nothing where the variable is not set.
void dump_if_asked(const Program& program);

}  // namespace neurode
