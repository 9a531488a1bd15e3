// Converts JavaScript values to the engine's types. Every function here throws neurode::Error if a
// value does not fit.
#pragma once

#include <napi.h>

#include <string>

#include "native/engine/data.h"
#include "native/engine/elements.h"
#include "native/engine/error.h"
#include "native/engine/plan.h"

namespace neurode::addon {

Plan to_plan(Napi::Value value);

// Returns a view of the array's memory and checks that it holds whole rows of `features`. If the
// elements are neither bytes nor float32, the view has no pointer. Does not keep the array alive.
InputView to_input(Napi::Object input, const Elements& elements, int features);

// Throws if an element is not an integer from 0 to below its feature's limit, such as an index of
// an embedding: see Program::input_limits.
void check_indices(const InputView& input, const std::vector<int>& limits, const char* name);
void check_indices(const Elements& elements, const InputView& input, const std::vector<int>& limits,
                   const char* name);

Napi::Object to_object(Napi::Value value, const char* name);
std::string to_text(Napi::Value value, const char* name);
bool to_bool(Napi::Value value, const char* name);
Precision to_precision(Napi::Value value, const char* name);
double to_number(Napi::Value value, const char* name);
std::int64_t to_integer(Napi::Value value, const char* name, std::int64_t least, std::int64_t most);
Napi::Float32Array to_floats(Napi::Value value, const char* name);
// The memory of a typed array. Throws for 64-bit integers.
Elements to_elements(Napi::Value value, const char* name);

// Converts a member of an object. Error messages name the member.
template <class Convert, class... Rest>
auto member(Napi::Object object, const char* name, Convert convert, Rest... rest) {
  return convert(object.Get(name), name, rest...);
}

}  // namespace neurode::addon
