// The data that a model was given, by handle.
#pragma once

#include <napi.h>

#include <map>
#include <memory>

#include "native/addon/bound.h"

namespace neurode::addon {

// Puts the array's memory among what is to be kept alive, unless it was lent: then it was copied.
void keep_unless_lent(Napi::Array arrays, std::uint32_t at, Napi::Object object);

class BoundData {
 public:
  explicit BoundData(Napi::Env env) : arrays_(Napi::Persistent(Napi::Object::New(env))) {}

  // Checks rows of input and targets. Gives their handle.
  int bind(Napi::Object input, Napi::Object targets, const Program& program);
  // Takes what another model, which may be disposed, has bound; checks it for this one's program.
  int take_over(BoundData& from, Napi::Value handle, const Program& program);
  // Whether something was bound to the handle.
  bool drop(int handle);

  // Throws ERR_ARGUMENT where `value` is no number that handles have.
  int to_handle(Napi::Value value) const;
  // What a range is of: its member `data` is the handle.
  std::shared_ptr<Bound> of(Napi::Object range) const;
  // What a range's data point into, for the range itself to keep alive, should the model be
  // disposed meanwhile.
  Napi::Value arrays_of(Napi::Object range) const;

 private:
  int add(std::shared_ptr<Bound> bound, Napi::Value arrays);

  std::map<int, std::shared_ptr<Bound>> bound_;
  Napi::ObjectReference arrays_;  // by handle: what bound data points into and is not its own
  int next_handle_ = 1;
};

}  // namespace neurode::addon
