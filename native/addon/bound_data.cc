#include "native/addon/bound_data.h"

#include <utility>

#include "native/addon/convert.h"

namespace neurode::addon {
namespace {

constexpr const char* kNothingBound = "data: nothing is bound to this handle";

}  // namespace

void keep_unless_lent(Napi::Array arrays, std::uint32_t at, Napi::Object object) {
  if (memory_of(object) == Memory::kept) arrays.Set(at, object.Get("data"));
}

int BoundData::bind(Napi::Object input, Napi::Object targets, const Program& program) {
  auto bound = std::make_shared<Bound>(input, targets, program, next_handle_);
  Napi::Array arrays = Napi::Array::New(input.Env(), 2);
  keep_unless_lent(arrays, 0, input);
  keep_unless_lent(arrays, 1, targets);
  return add(std::move(bound), arrays);
}

int BoundData::take_over(BoundData& from, Napi::Value value, const Program& program) {
  const int handle = from.to_handle(value);
  const auto found = from.bound_.find(handle);
  if (found == from.bound_.end()) throw Error("ERR_ARGUMENT", kNothingBound);
  auto bound = std::make_shared<Bound>(*found->second, program, next_handle_);
  const Napi::Value arrays = from.arrays_.Value().Get(static_cast<std::uint32_t>(handle));
  return add(std::move(bound), arrays);
}

int BoundData::add(std::shared_ptr<Bound> bound, Napi::Value arrays) {
  const int handle = next_handle_++;
  bound_[handle] = std::move(bound);
  arrays_.Value().Set(static_cast<std::uint32_t>(handle), arrays);
  return handle;
}

bool BoundData::drop(int handle) {
  const bool was_bound = bound_.erase(handle) > 0;
  arrays_.Value().Delete(static_cast<std::uint32_t>(handle));
  return was_bound;
}

int BoundData::to_handle(Napi::Value value) const {
  return static_cast<int>(to_integer(value, "handle", 0, next_handle_));
}

std::shared_ptr<Bound> BoundData::of(Napi::Object range) const {
  const int handle = static_cast<int>(member(range, "data", to_integer, 0, next_handle_));
  const auto found = bound_.find(handle);
  if (found == bound_.end()) throw Error("ERR_ARGUMENT", kNothingBound);
  return found->second;
}

Napi::Value BoundData::arrays_of(Napi::Object range) const {
  Napi::Array arrays = Napi::Array::New(range.Env(), 5);
  arrays.Set(0u, arrays_.Value().Get(range.Get("data").As<Napi::Number>().Uint32Value()));
  arrays.Set(1u, range.Get("captured"));
  arrays.Set(2u, range.Get("gradients"));
  arrays.Set(3u, range.Get("inputGradients"));
  arrays.Set(4u, range.Get("parameterGradients"));
  return arrays;
}

}  // namespace neurode::addon
