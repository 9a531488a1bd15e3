// The JavaScript object of one model on one device.
#include "native/addon/model.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <functional>
#include <future>
#include <string>
#include <utility>

#include "native/addon/bound.h"
#include "native/addon/convert.h"
#include "native/addon/opening.h"
#include "native/addon/worker.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMostRows = std::int64_t{1} << 31;
constexpr std::int64_t kMostEpochs = std::int64_t{1} << 40;

BatchRange to_range(Napi::Object options, const DataView& data) {
  BatchRange range;
  range.data = data;
  range.batch_size = static_cast<int>(member(options, "batchSize", to_integer, 1, kMostRows - 1));
  const std::int64_t batches = (data.input.rows + range.batch_size - 1) / range.batch_size;
  range.first_batch = member(options, "firstBatch", to_integer, 0, batches - 1);
  range.batches = member(options, "batches", to_integer, 1, batches - range.first_batch);
  return range;
}

// Rows of outputs and targets that a range leaves, and gradients that it takes.
void take_arrays(Napi::Object options, const Program& program, BatchRange& range) {
  const std::int64_t first = range.first_batch * range.batch_size;
  const std::int64_t rows =
      std::min(range.data.input.rows - first, range.batches * std::int64_t{range.batch_size});
  const auto floats = [&](const char* name, std::int64_t each) -> float* {
    const Napi::Value value = options.Get(name);
    if (value.IsUndefined()) return nullptr;
    Napi::Float32Array array = to_floats(value, name);
    if (!program.captures || static_cast<std::int64_t>(array.ElementLength()) != rows * each)
      throw Error("ERR_ARGUMENT", std::string(name) + ": of another size than the range");
    return array.Data();
  };
  range.captured =
      floats("captured", program.positions * (2 * std::int64_t{program.outputs()} + 1));
  range.gradients = floats("gradients", program.output_size);
}

Napi::Value to_sums(Napi::Env env, const Sums& sums) {
  Napi::Float64Array values = Napi::Float64Array::New(env, 6 + sums.metrics.size());
  values[0] = static_cast<double>(sums.batches);
  values[1] = static_cast<double>(sums.rows);
  values[2] = sums.loss;
  values[3] = sums.counted;
  values[4] = sums.weight;
  values[5] = sums.penalty;
  std::copy(sums.metrics.begin(), sums.metrics.end(), values.Data() + 6);
  return values;
}

}  // namespace

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

Model::Model(const Napi::CallbackInfo& info) : Wrapped<Model>(info) {
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
      const int copies = 1 + (parameter.trainable ? core->program.slots : 0) +
                         (parameter.update == Update::deferred ? 1 : 0);
      external_bytes_ += parameter.size() * std::int64_t{sizeof(float)} * copies;
    }
    Napi::MemoryManagement::AdjustExternalMemory(env, external_bytes_);
    arrays_ = Napi::Persistent(Napi::Object::New(env));
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

// For what must not run beside the device's thread.
Model::Core& Model::idle_core() {
  Core& core = this->core();
  if (jobs_ > 0) throw Error("ERR_MODEL_BUSY", "the model is busy: wait for its promise");
  return core;
}

// Reads of the core: at once, or on the device's thread after the ranges that are there, while this
// thread waits. Nobody submits others meanwhile, so that several reads in a row see the same
// weights.
void Model::read_core(const std::function<void(Core&)>& read) {
  Core& core = this->core();
  if (jobs_ == 0) return read(core);
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

// ---------------------------------------------------------------------------------------------
// members

Napi::Value Model::get_device(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::String::New(info.Env(), core().device->name()); });
}

Napi::Value Model::get_isa(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::String::New(info.Env(), core().device->isa()); });
}

Napi::Value Model::get_threads(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), core().device->threads()); });
}

Napi::Value Model::get_parameters(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&] {
    Napi::Array parameters = Napi::Array::New(env);
    for (const Parameter& parameter : core().program.parameters) {
      Napi::Array shape = Napi::Array::New(env);
      if (parameter.rows > 0) shape.Set(shape.Length(), Napi::Number::New(env, parameter.rows));
      shape.Set(shape.Length(), Napi::Number::New(env, parameter.columns));
      Napi::Object object = Napi::Object::New(env);
      object.Set("name", parameter.name);
      object.Set("shape", shape);
      object.Set("trainable", Napi::Boolean::New(env, parameter.trainable));
      parameters.Set(parameters.Length(), object);
    }
    return parameters;
  });
}

Napi::Value Model::get_slots(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] { return Napi::Number::New(info.Env(), core().program.slots); });
}

Napi::Value Model::get_step(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    return Napi::Number::New(info.Env(), static_cast<double>(idle_core().step));
  });
}

void Model::set_step(const Napi::CallbackInfo& info, const Napi::Value& value) {
  guard(info.Env(), [&] { idle_core().step = to_integer(value, "step", 0, kMostSeed); });
}

Napi::Value Model::get_busy(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), jobs_ > 0);
}

int Model::slot_index(Napi::Value value) {
  const std::int64_t count = core().program.slots;
  if (count == 0) throw Error("ERR_ARGUMENT", "slot: the optimizer has no variables");
  return static_cast<int>(to_integer(value, "slot", 0, count - 1));
}

// Of a parameter that has optimizer variables.
int Model::trainable_index(Napi::Value value) {
  const int index = parameter_index(value);
  const Parameter& parameter = core().program.parameters[index];
  if (parameter.trainable) return index;
  throw Error("ERR_ARGUMENT", "index: " + parameter.name + " has no optimizer variables");
}

int Model::parameter_index(Napi::Value value) {
  const auto count = static_cast<std::int64_t>(core().program.parameters.size());
  if (count == 0) throw Error("ERR_ARGUMENT", "index: the model has no parameters");
  return static_cast<int>(to_integer(value, "index", 0, count - 1));
}

Napi::Value Model::get_parameter(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const int index = parameter_index(info[0]);
    Napi::Float32Array values =
        Napi::Float32Array::New(info.Env(), core().program.parameters[index].size());
    float* const to = values.Data();
    read_core([&](Core& core) { core.executor->get_parameter(index, to); });
    return values;
  });
}

void Model::set_parameter(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    Core& core = idle_core();
    const int index = parameter_index(info[0]);
    core.executor->set_parameter(index, sized(info[1], core.program.parameters[index]).Data());
  });
}

Napi::Value Model::get_slot(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    Core& core = idle_core();
    const int slot = slot_index(info[0]);
    const int index = trainable_index(info[1]);
    Napi::Float32Array values =
        Napi::Float32Array::New(info.Env(), core.program.parameters[index].size());
    core.executor->get_slot(slot, index, values.Data());
    return values;
  });
}

void Model::set_slot(const Napi::CallbackInfo& info) {
  guard(info.Env(), [&] {
    Core& core = idle_core();
    const int slot = slot_index(info[0]);
    const int index = trainable_index(info[1]);
    core.executor->set_slot(slot, index, sized(info[2], core.program.parameters[index]).Data());
  });
}

// ------------------------------------------------------------------------------------------------
// data

namespace {

constexpr const char* kNothingBound = "data: nothing is bound to this handle";

void keep_unless_lent(Napi::Array arrays, std::uint32_t at, Napi::Object object) {
  if (memory_of(object) == Memory::kept) arrays.Set(at, object.Get("data"));
}

}  // namespace

Napi::Value Model::bind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const Program& program = core().program;
    const Napi::Object input = to_object(info[0], "input");
    const Napi::Object targets = to_object(info[1], "targets");
    auto bound = std::make_shared<Bound>(input, targets, program, next_handle_);
    Napi::Array arrays = Napi::Array::New(env, 2);
    keep_unless_lent(arrays, 0, input);
    keep_unless_lent(arrays, 1, targets);
    return add(std::move(bound), arrays);
  });
}

// What another model, which may be disposed, has bound becomes this one's.
Napi::Value Model::take_over(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Object other = to_object(info[0], "model");
    const auto* const data = info.Env().GetInstanceData<AddonData>();
    if (!other.InstanceOf(data->model_class.Value()))
      throw Error("ERR_ARGUMENT", "model: expected a native model");
    Model& from = *Unwrap(other);
    const int handle = static_cast<int>(to_integer(info[1], "handle", 0, from.next_handle_));
    const auto found = from.bound_.find(handle);
    if (found == from.bound_.end()) throw Error("ERR_ARGUMENT", kNothingBound);
    auto bound = std::make_shared<Bound>(*found->second, core().program, next_handle_);
    const Napi::Value arrays = from.arrays_.Value().Get(static_cast<std::uint32_t>(handle));
    from.drop(handle);
    return add(std::move(bound), arrays);
  });
}

Napi::Value Model::add(std::shared_ptr<Bound> bound, Napi::Value arrays) {
  const int handle = next_handle_++;
  bound_[handle] = std::move(bound);
  arrays_.Value().Set(static_cast<std::uint32_t>(handle), arrays);
  return Napi::Number::New(Env(), handle);
}

void Model::unbind(const Napi::CallbackInfo& info) {
  guard(info.Env(),
        [&] { drop(static_cast<int>(to_integer(info[0], "handle", 0, next_handle_))); });
}

void Model::drop(int handle) {
  if (bound_.erase(handle) > 0 && core_) core_->executor->release(handle);
  arrays_.Value().Delete(static_cast<std::uint32_t>(handle));
}

// What a range's bound data points into; kept alive by the range itself, should the model be
// disposed meanwhile.
Napi::Value Model::arrays_of(Napi::Object range) {
  Napi::Array arrays = Napi::Array::New(range.Env(), 3);
  arrays.Set(0u, arrays_.Value().Get(range.Get("data").As<Napi::Number>().Uint32Value()));
  arrays.Set(1u, range.Get("captured"));
  arrays.Set(2u, range.Get("gradients"));
  return arrays;
}

std::shared_ptr<Bound> Model::bound(Napi::Object range) {
  const int handle = static_cast<int>(member(range, "data", to_integer, 0, next_handle_));
  const auto found = bound_.find(handle);
  if (found == bound_.end()) throw Error("ERR_ARGUMENT", kNothingBound);
  return found->second;
}

// ------------------------------------------------------------------------------------------------
// work

// A flag that cancel() sets while the work it is given to is in flight.
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
      // Whatever the outcome, before the promise settles.
      [this, cancelled] {
        --jobs_;
        std::erase(cancels_, cancelled);
      });
  ++jobs_;
  return promise;
}

Napi::Value Model::reserve(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guard(env, [&]() -> Napi::Value {
    const Napi::Object options = to_object(info[0], "reservation");
    const bool has_data = !options.Get("data").IsUndefined();
    const std::shared_ptr<Bound> bound = has_data ? this->bound(options) : nullptr;
    Reservation reservation;
    reservation.batch_size =
        static_cast<int>(member(options, "batchSize", to_integer, 1, kMostRows - 1));
    reservation.batches = member(options, "batches", to_integer, 1, kMostRows);
    reservation.trains = member(options, "trains", to_bool);
    reservation.shuffles = member(options, "shuffles", to_bool);
    reservation.captures = core().program.captures;
    const Napi::Value arrays = bound ? arrays_of(options) : env.Undefined();
    return submit(
        env, arrays, std::make_shared<std::atomic<bool>>(false),
        [core = core_, bound, reservation](const std::atomic<bool>&) mutable {
          if (bound) reservation.data = bound->view();
          core->executor->reserve(reservation);
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
    const auto bound = this->bound(options);
    BatchRange range = to_range(options, bound->rows());
    take_arrays(options, core.program, range);
    range.update = options.Get("update").IsUndefined() || member(options, "update", to_bool);
    const bool shuffle = member(options, "shuffle", to_bool);
    const std::uint64_t seed = member(options, "seed", to_integer, 0, kMostSeed);
    const std::int64_t epoch = member(options, "epoch", to_integer, 0, kMostEpochs);
    const Napi::Float32Array rates = member(options, "learningRates", to_floats);
    if (rates.ElementLength() != 1 &&
        static_cast<std::int64_t>(rates.ElementLength()) != range.batches) {
      throw Error("ERR_SHAPE", "learningRates: expected 1 or " + std::to_string(range.batches) +
                                   " rates, got " + std::to_string(rates.ElementLength()));
    }
    std::vector<float> learning_rates(rates.Data(), rates.Data() + rates.ElementLength());
    learning_rates.resize(range.batches, learning_rates.back());
    auto sums = std::make_shared<Sums>();
    return submit(
        env, arrays_of(options), cancellable(),
        [core = core_, bound, range, shuffle, seed, epoch, sums,
         learning_rates = std::move(learning_rates)](const std::atomic<bool>& cancelled) {
          BatchRange ordered = range;
          if (cancelled) {
            sums->metrics.resize(core->program.metrics);
            return;
          }
          ordered.data = bound->view();
          if (shuffle) {
            ordered.order_key = {range.data.input.rows, seed, epoch};
            ordered.order = core->orders.take(ordered.order_key);
            ordered.next_order = [core] { return core->orders.ahead(); };
          }
          *sums = core->executor->train(ordered, learning_rates.data(), core->step, cancelled);
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
    const auto bound = this->bound(options);
    BatchRange range = to_range(options, bound->rows());
    take_arrays(options, core.program, range);
    auto sums = std::make_shared<Sums>();
    return submit(
        env, arrays_of(options), cancellable(),
        [core = core_, bound, range, sums](const std::atomic<bool>& cancelled) mutable {
          range.data = bound->view();
          *sums = core->executor->evaluate(range, cancelled);
        },
        [sums](Napi::Env env) { return to_sums(env, *sums); });
  });
}

namespace {

float* output_of(Napi::Value value, std::int64_t rows, int outputs) {
  Napi::Float32Array out = to_floats(value, "out");
  if (static_cast<std::int64_t>(out.ElementLength()) != rows * outputs) {
    throw Error("ERR_SHAPE", "out: expected " + std::to_string(rows * outputs) + " values, got " +
                                 std::to_string(out.ElementLength()));
  }
  return out.Data();
}

}  // namespace

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
    // Nobody can take the memory away before this returns.
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
