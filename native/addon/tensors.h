// Tensors of requests and responses, for JavaScript.
#pragma once

#include <napi.h>

namespace neurode::addon {

// The class TensorReader, made for one model's spec.
Napi::Function define_tensor_reader(Napi::Env env);

// (datatype, body, begin, into): binary elements to floats.
void convert_tensor(const Napi::CallbackInfo& info);

// (buffer): gives its memory back, where all of an ArrayBuffer is the buffer's.
void free_buffer(const Napi::CallbackInfo& info);

// (values, rows) -> the numbers as JSON, without the outer brackets; `rows` 0: flat.
Napi::Value format_numbers(const Napi::CallbackInfo& info);

}  // namespace neurode::addon
