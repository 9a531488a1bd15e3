// Writes Programs as text, to show how a change of the compiler changes the Program of each model.
#pragma once

#include <string>

#include "native/engine/program.h"

namespace neurode {

// Describes every field but the seeds: kinds and rows of the op table by their names, tensors with
// their shapes. Seeds differ from run to run unless the model sets them.
std::string describe(const Program& program);

// Writes the description to a file in the folder NEURODE_DUMP_PROGRAMS. The file name is a hash of
// the text, so each different Program has one file. Does nothing if the variable is not set.
void dump_if_asked(const Program& program);

}  // namespace neurode
