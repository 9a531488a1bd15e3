// The JavaScript class of a model that is frozen for inference. Several threads of the process may
// share the native part.
#pragma once

#include <napi.h>

namespace neurode::addon {

// The class Predictor. new Predictor(plan, { device, threads }, parameters) freezes a model,
// Predictor.open of the same arguments returns a promise, and new Predictor(token) shares the model
// of another Predictor.
Napi::Function define_predictor(Napi::Env env);

}  // namespace neurode::addon
