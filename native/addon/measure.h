// Measures the speed of the machine and of single kernels, for the benchmarks.
#pragma once

#include <napi.h>

namespace neurode::addon {

Napi::Value measure_peak(const Napi::CallbackInfo& info);
Napi::Value measure_gemm(const Napi::CallbackInfo& info);
Napi::Value measure_device(const Napi::CallbackInfo& info);
Napi::Value measure_op(const Napi::CallbackInfo& info);

}  // namespace neurode::addon
