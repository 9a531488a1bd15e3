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
#include "native/addon/training_range.h"
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
                         InstanceMethod<&Model::apply_gradients>("applyGradients"),
                         InstanceMethod<&Model::bind>("bind"),
                         InstanceMethod<&Model::take_over>("takeOver"),
                         InstanceMethod<&Model::unbind>("unbind"),
                         InstanceMethod<&Model::reserve>("reserve"),
                         InstanceMethod<&Model::train>("train"),
                         InstanceMethod<&Model::train_epochs>("trainEpochs"),
                         InstanceMethod<&Model::evaluate>("evaluate"),
                         InstanceMethod<&Model::predict>("predict"),
                         InstanceMethod<&Model::predict_sync>("predictSync"),
                         InstanceMethod<&Model::train_here>("trainHere"),
                         InstanceMethod<&Model::evaluate_here>("evaluateHere"),
                         InstanceMethod<&Model::settled>("settled"),
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
      open_executor(*core);
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

// Runs a range on the device's thread, and resolves with its sums.
template <class Run>
Napi::Value Model::submit_range(Napi::Env env, Napi::Value arrays, Run run) {
  auto sums = std::make_shared<Sums>();
  return submit(
      env, arrays, cancellable(),
      [core = core_, sums, run = std::move(run)](const std::atomic<bool>& cancelled) {
        *sums = run(*core, cancelled);
      },
      [sums](Napi::Env env) { return to_sums(env, *sums); });
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
    TrainingRange range(options, data_.of(options), core.program, 1);
    const std::int64_t batches = range.batches();
    if (may_be_here(info[1], Work::train, range.batch_size(), batches)) {
      const std::atomic<bool> never{false};
      return run_here(env, [&](Core& core) { return range.run_here(core, never); });
    }
    return submit_range(env, data_.arrays_of(options),
                        [range = std::move(range)](Core& core, const std::atomic<bool>& cancelled) {
                          return range.run(core, 0, cancelled);
                        });
  });
}

// (range, epochs): each epoch is such a range. For each that began, the seconds it took and its
// sums.
Napi::Value Model::train_epochs(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const Napi::Object options = to_object(info[0], "range");
    const std::int64_t epochs = to_integer(info[1], "epochs", 1, kMostRows);
    const auto numbers = std::make_shared<std::vector<double>>();
    return submit(
        env, data_.arrays_of(options), cancellable(),
        [core = core_, epochs, numbers,
         range = TrainingRange(options, data_.of(options), core().program, epochs)](
            const std::atomic<bool>& cancelled) {
          range.run_epochs(*core, epochs, cancelled, *numbers);
        },
        [numbers](Napi::Env env) { return to_doubles(env, *numbers); });
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
    range.here = may_be_here(info[1], Work::evaluate, range.batch_size, range.batches);
    auto run = [bound, range](Core& core, const std::atomic<bool>& cancelled) {
      BatchRange viewed = range;
      viewed.data = bound->view();
      return core.executor->evaluate(viewed, cancelled);
    };
    const std::atomic<bool> never{false};
    if (range.here) return run_here(env, [&](Core& core) { return run(core, never); });
    return submit_range(env, data_.arrays_of(options), std::move(run));
  });
}

Napi::Value Model::predict(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    Core& core = this->core();
    const Napi::Object rows = to_object(info[0], "input");
    if (may_be_here(info[2], Work::predict, rows_of(rows, core.program), 1)) {
      predict_here(core, rows, info[1]);
      ++*jobs_;
      return env.Undefined();
    }
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
  guard(info.Env(), [&] { predict_here(idle_core(), to_object(info[0], "input"), info[1]); });
}

void Model::cancel(const Napi::CallbackInfo&) {
  for (const auto& cancel : cancels_) *cancel = true;
}

void Model::dispose(const Napi::CallbackInfo&) { release(); }

}  // namespace neurode::addon
