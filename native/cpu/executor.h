// The CPU executor: interprets a Program with a team of threads and the kernels of one instruction
// set.
#pragma once

#include <memory>

#include "native/cpu/kernels.h"
#include "native/cpu/threads.h"
#include "native/engine/executor.h"

namespace neurode::cpu {

std::unique_ptr<Executor> make_executor(Program program, const Kernels& kernels,
                                        std::shared_ptr<ThreadTeam> team);

}  // namespace neurode::cpu
