// Runs work on a device's thread and settles a promise on the JavaScript thread.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <functional>
#include <list>
#include <memory>
#include <mutex>
#include <new>

#include "native/engine/device.h"
#include "native/engine/error.h"

namespace neurode::addon {

// Returns a NeurodeError with this code.
Napi::Error make_error(Napi::Env env, const char* code, const char* message);

// The work in flight of one environment. It keeps the event loop alive while there is work. When
// the environment ends, it cancels the work and waits, so that no device reads freed memory.
class Worker {
 public:
  explicit Worker(Napi::Env env);
  ~Worker();

  // Runs `work` on the device. Then, on the JavaScript thread, runs `done`, and then `result`,
  // which returns the promise's value. Calls `cancel` if the environment ends first. `keep` stays
  // alive until the promise settles.
  Napi::Promise submit(Napi::Env env, Device& device, Napi::Object keep, std::function<void()> work,
                       std::function<Napi::Value(Napi::Env)> result, std::function<void()> cancel,
                       std::function<void()> done);

  // As submit(), but on the thread to which `hand_over` gives the work.
  using Work = std::function<void()>;
  using HandOver = std::function<void(Work)>;
  Napi::Promise submit(Napi::Env env, const HandOver& hand_over, Napi::Object keep, Work work,
                       std::function<Napi::Value(Napi::Env)> result, std::function<void()> cancel);

  // As submit(), but on one thread of the process that creates models one after another,
  // independent of the devices' work. This work is not cancelled.
  Napi::Promise prepare(Napi::Env env, Napi::Object keep, std::function<void()> work,
                        std::function<Napi::Value(Napi::Env)> result);

 private:
  struct Job;
  Napi::Promise start(Napi::Env env, Napi::Object keep, std::unique_ptr<Job> started,
                      const HandOver& hand_over);
  void run(Job* job);
  static void settle(Napi::Env env, Napi::Function, std::nullptr_t*, Job* job);
  static void close(void* worker);

  using Channel = Napi::TypedThreadSafeFunction<std::nullptr_t, Job, settle>;

  Channel channel_;
  napi_env env_;
  int unsettled_ = 0;       // JS thread only
  bool is_closed_ = false;  // JS thread only
  std::mutex mutex_;
  std::condition_variable idle_;
  std::list<std::unique_ptr<Job>> running_;
};

// The data of one environment.
struct AddonData {
  explicit AddonData(Napi::Env env) : worker(env) {}
  Napi::FunctionReference error_class;
  Napi::FunctionReference model_class;
  Napi::FunctionReference predictor_class;
  Worker worker;
};

// Runs fn and converts C++ exceptions to JavaScript exceptions.
template <class Function>
auto guard(Napi::Env env, Function fn) {
  try {
    return fn();
  } catch (const Error& error) {
    throw make_error(env, error.code, error.what());
  } catch (const std::bad_alloc&) {
    throw make_error(env, "ERR_OUT_OF_MEMORY", "the CPU has too little free memory");
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    throw make_error(env, "ERR_INTERNAL", error.what());
  }
}

// The base of classes whose objects JavaScript creates. node-addon-api lets operator new throw
// nothing. So if there is no memory for an object, it is created in memory reserved per thread, and
// its constructor throws.
template <class T>
class Wrapped : public Napi::ObjectWrap<T> {
 public:
  explicit Wrapped(const Napi::CallbackInfo& info) : Napi::ObjectWrap<T>(info) {
    if (is_reserve(this)) guard(info.Env(), [] { throw std::bad_alloc(); });
  }

  static void* operator new(std::size_t size) {
    void* const memory = ::operator new(size, std::nothrow);
    return memory != nullptr ? memory : reserve();
  }
  static void operator delete(void* memory) {
    if (!is_reserve(memory)) ::operator delete(memory);
  }

 private:
  static char* reserve() {
    alignas(T) thread_local char memory[sizeof(T)];
    return memory;
  }
  static bool is_reserve(const void* memory) {
    const std::less<const void*> is_before;
    return !is_before(memory, reserve()) && is_before(memory, reserve() + sizeof(T));
  }
};

}  // namespace neurode::addon
