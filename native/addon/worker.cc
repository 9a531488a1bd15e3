// Runs work on a device's thread and settles a promise on the JavaScript thread.
#include "native/addon/worker.h"

#include <exception>
#include <utility>

#include "native/engine/work_queue.h"

namespace neurode::addon {

// Members hold raw Node-API references, because an environment that ends deletes its references
// itself.
struct Worker::Job {
  Worker* worker;
  napi_deferred deferred = nullptr;
  napi_ref keep = nullptr;
  std::function<void()> work;
  std::function<Napi::Value(Napi::Env)> result;
  std::function<void()> cancel;
  std::function<void()> done;
  std::list<std::unique_ptr<Job>>::iterator place;  // the job's place in running_
  std::exception_ptr error;
};

Napi::Error make_error(Napi::Env env, const char* code, const char* message) {
  const auto* data = env.GetInstanceData<AddonData>();
  if (data != nullptr && !data->error_class.IsEmpty()) {
    return Napi::Error(env, data->error_class.New(
                                {Napi::String::New(env, code), Napi::String::New(env, message)}));
  }
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", Napi::String::New(env, code));
  return error;
}

Worker::Worker(Napi::Env env) : channel_(Channel::New(env, "neurode", 0, 1)), env_(env) {
  channel_.Unref(env);
  napi_add_env_cleanup_hook(env, close, this);
}

// A hook that has run no longer exists, and removing it again is an error.
Worker::~Worker() {
  if (!is_closed_) napi_remove_env_cleanup_hook(env_, close, this);
}

void Worker::close(void* pointer) {
  auto* worker = static_cast<Worker*>(pointer);
  worker->is_closed_ = true;
  std::unique_lock lock(worker->mutex_);
  for (const auto& job : worker->running_) job->cancel();
  worker->idle_.wait(lock, [worker] { return worker->running_.empty(); });
}

Napi::Promise Worker::submit(Napi::Env env, Device& device, Napi::Object keep,
                             std::function<void()> work,
                             std::function<Napi::Value(Napi::Env)> result,
                             std::function<void()> cancel, std::function<void()> done) {
  auto job = std::make_unique<Job>();
  job->work = std::move(work);
  job->result = std::move(result);
  job->cancel = std::move(cancel);
  job->done = std::move(done);
  return start(env, keep, std::move(job), [&](Work run) { device.submit(std::move(run)); });
}

Napi::Promise Worker::submit(Napi::Env env, const HandOver& hand_over, Napi::Object keep, Work work,
                             std::function<Napi::Value(Napi::Env)> result,
                             std::function<void()> cancel) {
  auto job = std::make_unique<Job>();
  job->work = std::move(work);
  job->result = std::move(result);
  job->cancel = std::move(cancel);
  job->done = [] {};
  return start(env, keep, std::move(job), hand_over);
}

Napi::Promise Worker::prepare(Napi::Env env, Napi::Object keep, std::function<void()> work,
                              std::function<Napi::Value(Napi::Env)> result) {
  // The queue is never destroyed: the thread of an exiting process may still use it.
  static auto* const queue = new WorkQueue;
  return submit(
      env, [](Work run) { queue->push(std::move(run)); }, keep, std::move(work), std::move(result),
      [] {});
}

Napi::Promise Worker::start(Napi::Env env, Napi::Object keep, std::unique_ptr<Job> started,
                            const HandOver& hand_over) {
  Job* const job = started.get();
  std::list<std::unique_ptr<Job>> one;
  one.push_back(std::move(started));
  job->place = one.begin();
  job->worker = this;
  napi_value promise;
  if (napi_create_promise(env, &job->deferred, &promise) != napi_ok ||
      napi_create_reference(env, keep, 1, &job->keep) != napi_ok) {
    throw Error("ERR_INTERNAL", "the promise could not be made");
  }
  if (unsettled_++ == 0) channel_.Ref(env);
  {
    std::lock_guard lock(mutex_);
    running_.splice(running_.end(), one);
  }
  const napi_deferred deferred = job->deferred;
  const napi_ref reference = job->keep;
  try {
    hand_over([this, job] { run(job); });
  } catch (...) {
    {
      std::lock_guard lock(mutex_);
      running_.erase(job->place);
    }
    if (--unsettled_ == 0) channel_.Unref(env);
    napi_resolve_deferred(env, deferred, env.Undefined());  // nobody holds the promise
    napi_delete_reference(env, reference);
    throw;
  }
  return Napi::Promise(env, promise);
}

void Worker::run(Job* job) {
  try {
    job->work();
  } catch (...) {
    job->error = std::current_exception();
  }
  // This needs the lock: the environment may be destroyed as soon as no job runs.
  std::lock_guard lock(mutex_);
  static_cast<void>(job->place->release());  // the channel owns the job now
  running_.erase(job->place);
  channel_.NonBlockingCall(job);
  idle_.notify_all();
}

void Worker::settle(Napi::Env env, Napi::Function, std::nullptr_t*, Job* raw) {
  const std::unique_ptr<Job> job(raw);
  if (static_cast<napi_env>(env) == nullptr) return;  // the environment is ending
  const Napi::HandleScope scope(env);
  if (--job->worker->unsettled_ == 0) job->worker->channel_.Unref(env);
  const napi_deferred deferred = job->deferred;
  job->done();
  try {
    const Napi::Value value = guard(env, [&] {
      if (job->error) std::rethrow_exception(job->error);
      return job->result(env);
    });
    napi_resolve_deferred(env, deferred, value);
  } catch (const Napi::Error& error) {
    try {
      napi_reject_deferred(env, deferred, error.Value());
    } catch (const Napi::Error&) {  // the environment is ending: nothing waits for the promise
    }
  }
  napi_delete_reference(env, job->keep);
}

}  // namespace neurode::addon
