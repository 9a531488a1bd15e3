// Programs as the addon hands them over.
#pragma once

#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode::cuda {

Program to_program(const plugin::ProgramRecord& record);

}  // namespace neurode::cuda
