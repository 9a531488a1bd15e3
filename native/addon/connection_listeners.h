// JavaScript functions that handle requests, called from the event loop.
#pragma once

#include <napi.h>

#include <initializer_list>

namespace neurode::addon {

class ConnectionListeners {
 public:
  using Arguments = std::initializer_list<napi_value>;

  explicit ConnectionListeners(napi_env env) : env_(env), context_(env, "neurode:connections") {}

  void set(const Napi::Object& listeners) {
    const auto listener = [&](const char* name) {
      return Napi::Persistent(listeners.Get(name).As<Napi::Function>());
    };
    admits_host = listener("admitsHost");
    admits_body = listener("admitsBody");
    on_request = listener("onRequest");
    on_foreign = listener("onForeign");
    on_cut_head = listener("onCutHead");
    on_end = listener("onEnd");
  }

  // Calls a function that returns a boolean. Unlike tell(), this runs no scheduled callbacks. An
  // exception counts as false.
  bool ask(Napi::FunctionReference& function, const Arguments& arguments) {
    napi_value answer, error;
    const napi_value of = function.Value();
    bool is_yes = false;
    if (napi_call_function(env_, of, of, arguments.size(), arguments.begin(), &answer) == napi_ok)
      napi_get_value_bool(env_, answer, &is_yes);
    else
      napi_get_and_clear_last_exception(env_, &error);
    return is_yes;
  }

  // Calls a function as Node.js calls a listener: callbacks scheduled by process.nextTick and
  // promises run afterwards.
  void tell(Napi::FunctionReference& function, const Arguments& arguments) {
    napi_value result;
    const napi_value of = function.Value();
    if (napi_make_callback(env_, context_, of, of, arguments.size(), arguments.begin(), &result) ==
        napi_pending_exception) {
      napi_value error;
      napi_get_and_clear_last_exception(env_, &error);
      napi_fatal_exception(env_, error);
    }
  }

  Napi::FunctionReference admits_host;
  Napi::FunctionReference admits_body;
  Napi::FunctionReference on_request;
  Napi::FunctionReference on_foreign;
  Napi::FunctionReference on_cut_head;
  Napi::FunctionReference on_end;

 private:
  napi_env env_;
  Napi::AsyncContext context_;
};

}  // namespace neurode::addon
