// Between JavaScript values and the engine's types. Everything here throws neurode::Error for what
// does not fit.
#pragma once

#include <napi.h>

#include <string>

#include "native/engine/data.h"
#include "native/engine/elements.h"
#include "native/engine/error.h"
#include "native/engine/plan.h"

namespace neurode::addon {

Plan to_plan(Napi::Value value);

// A view of the array's memory, checked to hold whole rows of `features`: of neither bytes nor
// floats where elements are others. Does not keep it alive.
InputView to_input(Napi::Object input, const Elements& elements, int features);

// Refuses what is no index of an embedding: other than integers from 0 to below `count`, unless
// that is 0.
void check_indices(const InputView& input, int count, const char* name);
void check_indices(const Elements& elements, const InputView& input, int count, const char* name);

Napi::Object to_object(Napi::Value value, const char* name);
std::string to_text(Napi::Value value, const char* name);
bool to_bool(Napi::Value value, const char* name);
Precision to_precision(Napi::Value value, const char* name);
double to_number(Napi::Value value, const char* name);
std::int64_t to_integer(Napi::Value value, const char* name, std::int64_t least, std::int64_t most);
Napi::Float32Array to_floats(Napi::Value value, const char* name);
// The memory of a typed array of any elements but 64-bit integers.
Elements to_elements(Napi::Value value, const char* name);

// Members of an object, named in errors.
template <class Convert, class... Rest>
auto member(Napi::Object object, const char* name, Convert convert, Rest... rest) {
  return convert(object.Get(name), name, rest...);
}

}  // namespace neurode::addon
