// Connections that carry requests for inference, read and answered without node:http.
#pragma once

#include <napi.h>

namespace neurode::addon {

// Returns the class Connections, or undefined on systems without the functions that it needs.
Napi::Value define_connections(Napi::Env env);

}  // namespace neurode::addon
