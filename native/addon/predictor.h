// The JavaScript object of a model frozen for inference; threads of the process may share what is
// behind it.
#pragma once

#include <napi.h>

namespace neurode::addon {

// The class Predictor: new Predictor(plan, { device, threads }, parameters), a promise of one from
// Predictor.open of the same, or new Predictor(token) for what another one shares.
Napi::Function define_predictor(Napi::Env env);

}  // namespace neurode::addon
