// Ranks that are threads of one process: for tests.
#pragma once

#include <memory>
#include <vector>

#include "native/engine/transport.h"

namespace neurode::distributed {

// The transports of `size` ranks. Each is for one thread. A call throws ERR_DISTRIBUTED if another
// rank's transport was destroyed, as that rank will never make the call.
std::vector<std::shared_ptr<Transport>> make_loopback(int size);

}  // namespace neurode::distributed
