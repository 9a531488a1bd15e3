// The CUDA library: found, opened and checked once for each path.
#pragma once

#include <string>

#include "native/engine/plugin.h"

namespace neurode {

struct PluginLibrary {
  const plugin::Table* table = nullptr;
  int devices = 0;
  std::string reason;  // why there is no device
};

// The one that NEURODE_CUDA_LIBRARY names, or the one beside the addon. NEURODE_CUDA=off: nothing
// is looked for.
PluginLibrary plugin_library();

}  // namespace neurode
