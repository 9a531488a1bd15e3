// Connections on which requests for inference come: read and answered without node:http.
#pragma once

#include <napi.h>

namespace neurode::addon {

// The class, or undefined where there is nothing to build it on.
Napi::Value define_connections(Napi::Env env);

}  // namespace neurode::addon
