// The CUDA library: found, opened and checked once in the life of the process.
#pragma once

#include <string>

#include "native/engine/plugin.h"

namespace neurode {

struct PluginLibrary {
  const plugin::Table* table = nullptr;
  int devices = 0;
  std::string reason;  // why there is no device
};

// NEURODE_CUDA=off: nothing is looked for.
PluginLibrary plugin_library();

}  // namespace neurode
