// Converts the addon's records of programs to Programs.
#pragma once

#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode::cuda {

Program to_program(const plugin::ProgramRecord& record);

}  // namespace neurode::cuda
