// Reads tensors of requests and writes tensors of responses, for JavaScript.
#pragma once

#include <napi.h>

namespace neurode::addon {

// The class TensorReader. An object reads the requests of one model.
Napi::Function define_tensor_reader(Napi::Env env);

// (body): throws unless the body is JSON whose objects have each member once.
void check_json(const Napi::CallbackInfo& info);

// (datatype, body, begin, into): converts binary elements to floats.
void convert_tensor(const Napi::CallbackInfo& info);

// (datatype, body, begin, into, first, columns, rowSize): converts binary rows of `columns`
// elements to columns of rows that lie in `into`.
void place_tensor(const Napi::CallbackInfo& info);

// (buffer): frees the buffer's memory, if the buffer covers a whole ArrayBuffer.
void free_buffer(const Napi::CallbackInfo& info);

// (values, rows): returns the numbers as JSON without the outer brackets. With `rows` 0, they are a
// flat list.
Napi::Value format_numbers(const Napi::CallbackInfo& info);

}  // namespace neurode::addon
