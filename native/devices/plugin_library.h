// The CUDA library, which is looked for, opened and checked once for each path.
#pragma once

#include <string>

#include "native/engine/plugin.h"

namespace neurode {

struct PluginLibrary {
  const plugin::Table* table = nullptr;
  int devices = 0;
  std::string reason;  // why there is no device
};

// The library that NEURODE_CUDA_LIBRARY names, or the one beside the addon. With NEURODE_CUDA=off
// none is looked for.
PluginLibrary plugin_library();

}  // namespace neurode
