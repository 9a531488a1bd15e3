// The CPU limit of a container, or of a service: what the control groups of this process allow.
#pragma once

#include <string>

namespace neurode::cpu {

// Cores that the control groups of this process and those above them let it use at once: the
// tightest quota of versions 1 and 2, rounded up, or 0 where none sets a limit. `root` stands
// before every path that is read.
int cgroup_cores(const std::string& root = "");

}  // namespace neurode::cpu
