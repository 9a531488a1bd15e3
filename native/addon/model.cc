// The JavaScript class of a model on a device.
#include "native/addon/model.h"

#include <exception>
#include <functional>
#include <future>
#include <string>
#include <utility>

#include "native/addon/bound_data.h"
#include "native/addon/convert.h"
#include "native/addon/opening.h"
#include "native/addon/range.h"
#include "native/addon/worker.h"

namespace neurode::addon {
Napi::Function Model::define(Napi::Env env) {
  return DefineClass(env, "NativeModel",
                     {
                         InstanceAccessor<&Model::get_device>("device"),
                         InstanceAccessor<&Model::get_isa>("isa"),
                         InstanceAccessor<&Model::get_threads>("threads"),
                         InstanceAccessor<&Model::get_parameters>("parameters"),
                         InstanceAccessor<&Model::get_slots>("slots"),
                         InstanceAccessor<&Model::get_step, &Model::set_step>("step"),
                         InstanceAccessor<&Model::get_busy>("busy"),
                         InstanceMethod<&Model::get_parameter>("getParameter"),
                         InstanceMethod<&Model::set_parameter>("setParameter"),
                         InstanceMethod<&Model::get_slot>("getSlot"),
                         InstanceMethod<&Model::set_slot>("setSlot"),
                         InstanceMethod<&Model::sibling>("sibling"),
                         InstanceMethod<&Model::get_gradient>("getGradient"),
                         InstanceMethod<&Model::set_gradient>("setGradient"),
                         InstanceMethod<&Model::apply_gradients>("applyGradients"),
                         InstanceMethod<&Model::bind>("bind"),
                         InstanceMethod<&Model::take_over>("takeOver"),
                         InstanceMethod<&Model::unbind>("unbind"),
                         InstanceMethod<&Model::reserve>("reserve"),
                         InstanceMethod<&Model::train>("train"),
                         InstanceMethod<&Model::evaluate>("evaluate"),
                         InstanceMethod<&Model::predict>("predict"),
                         InstanceMethod<&Model::predict_sync>("predictSync"),
                         InstanceMethod<&Model::cancel>("cancel"),
                         InstanceMethod<&Model::dispose>("dispose"),
                     });
}

Napi::Value Model::open(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const auto opening = std::make_shared<Opening>(to_opening(info));
    const Napi::Array keep = Napi::Array::New(env, 2);
    keep.Set(0u, info[2]);
    keep.Set(1u, info[3]);
    AddonData* const data = env.GetInstanceData<AddonData>();
    return data->worker.prepare(
        env, keep, [opening] { opening->run(); },
        [opening, data](Napi::Env env) -> Napi::Value {
          return data->model_class.New({Napi::External<Opening>::New(env, opening.get())});
        });
  });
}

Model::Model(const Napi::CallbackInfo& info) : Wrapped<Model>(info), data_(info.Env()) {
  const Napi::Env env = info.Env();
  guard(env, [&] {
    std::shared_ptr<Core> core;
    if (info[0].IsExternal()) {
      core = info[0].As<Napi::External<Opening>>().Data()->core;
    } else {
      core = to_core(info);
      core->executor = core->device->open(core->program);
    }
    for (const Parameter& parameter : core->program.parameters) {
      const int own = core->is_sibling ? 0 : 1 + (parameter.trainable ? core->program.slots : 0);
      const bool has_gradient =
          core->program.keeps_gradients || parameter.update == Update::deferred;
      const int copies = own + (has_gradient ? 1 : 0);
      external_bytes_ += parameter.size() * std::int64_t{sizeof(float)} * copies;
    }
    Napi::MemoryManagement::AdjustExternalMemory(env, external_bytes_);
    jobs_ = core->jobs;
    core_ = std::move(core);
  });
}

Model::~Model() { release(); }

void Model::release() {
  for (const auto& cancel : cancels_) *cancel = true;
  core_.reset();
  if (external_bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(Env(), -external_bytes_);
  external_bytes_ = 0;
}

Model::Core& Model::core() {
  if (!core_) throw Error("ERR_DISPOSED", "the model was disposed");
  return *core_;
}

// The core, for calls that must not run at the same time as the device's thread. Throws if there is
// work in flight.
Model::Core& Model::idle_core() {
  Core& core = this->core();
  if (*jobs_ > 0) throw Error("ERR_MODEL_BUSY", "the model is busy: wait for its promise");
  return core;
}

// Runs `read` at once, or on the device's thread after the submitted ranges, while this thread
// waits. Since this thread submits nothing meanwhile, several reads in a row see the same weights.
void Model::read_core(const std::function<void(Core&)>& read) {
  Core& core = this->core();
  if (*jobs_ == 0) return read(core);
  std::promise<void> done;
  core.device->submit([&] {
    try {
      read(core);
      done.set_value();
    } catch (...) {
      done.set_exception(std::current_exception());
    }
  });
  done.get_future().get();
}

// The methods that bind data.

Napi::Value Model::bind(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Program& program = core().program;
    const int handle =
        data_.bind(to_object(info[0], "input"), to_object(info[1], "targets"), program);
    return Napi::Number::New(info.Env(), handle);
  });
}

Napi::Value Model::take_over(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Object other = to_object(info[0], "model");
    const auto* const data = info.Env().GetInstanceData<AddonData>();
    if (!other.InstanceOf(data->model_class.Value()))
      throw Error("ERR_ARGUMENT", "model: expected a native model");
    Model& from = *Unwrap(other);
    const int handle = data_.take_over(from.data_, info[1], core().program);
    from.drop(from.data_.to_handle(info[1]));
    return Napi::Number::New(info.Env(), handle);
  });
}

void Model::unbind(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] { drop(data_.to_handle(info[0])); });
}

void Model::drop(int handle) {
  if (data_.drop(handle) && core_) core_->executor->release(handle);
}

// The methods that run work on the device.

// Returns a flag for new work. cancel() sets the flag while the work is in flight.
Model::Flag Model::cancellable() {
  return cancels_.emplace_back(std::make_shared<std::atomic<bool>>(false));
}

Napi::Promise Model::submit(Napi::Env env, Napi::Value arrays, const Flag& cancelled,
                            std::function<void(const std::atomic<bool>&)> work,
                            std::function<Napi::Value(Napi::Env)> result) {
  Napi::Array keep = Napi::Array::New(env, 2);
  keep.Set(0u, Value());
  keep.Set(1u, arrays);
  const Napi::Promise promise = env.GetInstanceData<AddonData>()->worker.submit(
      env, *core().device, keep, [work = std::move(work), cancelled] { work(*cancelled); },
      [result = std::move(result)](Napi::Env env) { return result(env); },
      [cancelled] { *cancelled = true; },
      // This runs before the promise settles, whether the work succeeded or not.
      [this, cancelled, jobs = jobs_] {
        --*jobs;
        std::erase(cancels_, cancelled);
      });
  ++*jobs_;
  return promise;
}

Napi::Value Model::reserve(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const Napi::Object options = to_object(info[0], "reservation");
    const bool has_data = !options.Get("data").IsUndefined();
    const std::shared_ptr<Bound> bound = has_data ? data_.of(options) : nullptr;
    const Reservation reservation = to_reservation(options, core().program);
    const Napi::Value arrays = bound ? data_.arrays_of(options) : env.Undefined();
    return submit(
        env, arrays, std::make_shared<std::atomic<bool>>(false),
        [core = core_, bound, reservation](const std::atomic<bool>&) {
          Reservation whole = reservation;
          if (bound) whole.data = bound->view();
          core->executor->reserve(whole);
        },
        [](Napi::Env env) { return env.Undefined(); });
  });
}

Napi::Value Model::train(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    Core& core = this->core();
    if (core.program.train.tasks.empty())
      throw Error("ERR_NOT_COMPILED", "the model has no loss and no optimizer");
    const Napi::Object options = to_object(info[0], "range");
    const auto bound = data_.of(options);
    BatchRange range = to_range(options, bound->rows(), core.program);
    range.update = options.Get("update").IsUndefined() || member(options, "update", to_bool);
    const bool shuffle = member(options, "shuffle", to_bool);
    const OrderKey key = to_order_key(options, range.data.input.rows);
    auto sums = std::make_shared<Sums>();
    return submit(
        env, data_.arrays_of(options), cancellable(),
        [core = core_, bound, range, shuffle, key, sums,
         learning_rates =
             to_learning_rates(options, range.batches)](const std::atomic<bool>& cancelled) {
          BatchRange ordered = range;
          if (cancelled) {
            *sums = Sums(core->program.heads.size(), core->program.metrics);
            return;
          }
          ordered.data = bound->view();
          if (shuffle) {
            ordered.order_key = key;
            ordered.order = core->orders.take(key);
            ordered.next_order = [core] { return core->orders.ahead(); };
          }
          *sums = core->executor->train(ordered, learning_rates.data(), *core->step, cancelled);
        },
        [sums](Napi::Env env) { return to_sums(env, *sums); });
  });
}

Napi::Value Model::evaluate(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    Core& core = this->core();
    if (core.program.evaluate.tasks.empty())
      throw Error("ERR_NOT_COMPILED", "the model has no loss");
    const Napi::Object options = to_object(info[0], "range");
    const auto bound = data_.of(options);
    BatchRange range = to_range(options, bound->rows(), core.program);
    auto sums = std::make_shared<Sums>();
    return submit(
        env, data_.arrays_of(options), cancellable(),
        [core = core_, bound, range, sums](const std::atomic<bool>& cancelled) mutable {
          range.data = bound->view();
          *sums = core->executor->evaluate(range, cancelled);
        },
        [sums](Napi::Env env) { return to_sums(env, *sums); });
  });
}

Napi::Value Model::predict(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    Core& core = this->core();
    const Napi::Object rows = to_object(info[0], "input");
    const auto input = std::make_shared<BoundInput>(rows, memory_of(rows), core.program);
    float* const out = output_of(info[1], input->rows(), core.program.output_size);
    Napi::Array arrays = Napi::Array::New(env, 2);
    keep_unless_lent(arrays, 0, rows);
    arrays.Set(1u, info[1]);
    return submit(
        env, arrays, std::make_shared<std::atomic<bool>>(false),
        [core = core_, input, out](const std::atomic<bool>& cancelled) {
          core->executor->predict(input->view(), out, cancelled);
        },
        [](Napi::Env env) { return env.Undefined(); });
  });
}

void Model::predict_sync(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    Core& core = idle_core();
    // The array cannot change before this call returns, so it needs no copy.
    BoundInput input(to_object(info[0], "input"), Memory::kept, core.program);
    float* const out = output_of(info[1], input.rows(), core.program.output_size);
    core.executor->predict_here(input.view(), out);
  });
}

void Model::cancel(const Napi::CallbackInfo&) {
  for (const auto& cancel : cancels_) *cancel = true;
}

void Model::dispose(const Napi::CallbackInfo&) { release(); }

}  // namespace neurode::addon
