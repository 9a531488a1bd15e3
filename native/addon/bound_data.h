// The data that is bound to a model, by handle.
#pragma once

#include <napi.h>

#include <map>
#include <memory>

#include "native/addon/bound.h"

namespace neurode::addon {

// Stores the array in `arrays`, which keeps it alive, unless the array is lent: lent arrays were
// copied.
void keep_unless_lent(Napi::Array arrays, std::uint32_t at, Napi::Object object);

class BoundData {
 public:
  explicit BoundData(Napi::Env env) : arrays_(Napi::Persistent(Napi::Object::New(env))) {}

  // Checks and binds rows of input and targets. Returns their handle.
  int bind(Napi::Object input, Napi::Object targets, const Program& program);
  // Takes data that is bound to another model, which may be disposed, and checks the data for this
  // program. Returns the new handle.
  int take_over(BoundData& from, Napi::Value handle, const Program& program);
  // Removes what is bound to the handle. Returns false if nothing was.
  bool drop(int handle);

  // Throws ERR_ARGUMENT if `value` cannot be a handle.
  int to_handle(Napi::Value value) const;
  // The data of a range. The range's member `data` is the handle.
  std::shared_ptr<Bound> of(Napi::Object range) const;
  // The JavaScript arrays that a range uses. The range itself has to keep them alive, as the model
  // may be disposed meanwhile.
  Napi::Value arrays_of(Napi::Object range) const;

 private:
  int add(std::shared_ptr<Bound> bound, Napi::Value arrays);

  std::map<int, std::shared_ptr<Bound>> bound_;
  Napi::ObjectReference arrays_;  // by handle: JavaScript arrays that bound data refers to
  int next_handle_ = 1;
};

}  // namespace neurode::addon
