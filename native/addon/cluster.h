// The ranks of a distributed training, as JavaScript sees them.
#pragma once

#include <napi.h>

#include <memory>

#include "native/engine/transport.h"

namespace neurode::addon {

// Adds the functions that join and leave the ranks, and that exchange bytes with them.
void define_cluster(Napi::Env env, Napi::Object exports);

// The other ranks. Throws ERR_DISTRIBUTED where this process has not joined them.
std::shared_ptr<Transport> ranks_of_process();

}  // namespace neurode::addon
