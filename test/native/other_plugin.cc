// A CUDA library of another version, which the addon must not use.
#include "native/engine/plugin.h"

extern "C" __attribute__((visibility("default"))) const neurode::plugin::Table*
neurode_cuda_plugin() {
  static neurode::plugin::Table table{};
  table.version = neurode::plugin::kVersion + 1;
  return &table;
}
