// The JavaScript class of a model on a device.
#pragma once

#include <napi.h>

#include <atomic>
#include <functional>
#include <memory>
#include <vector>

#include "native/addon/bound_data.h"
#include "native/addon/worker.h"
#include "native/engine/device.h"

namespace neurode::addon {

struct ModelCore;

class Model : public Wrapped<Model> {
 public:
  static Napi::Function define(Napi::Env env);

  // (plan, { device, threads })
  explicit Model(const Napi::CallbackInfo& info);
  // (plan, { device, threads }, parameters, slots): a promise of a model with these values. Another
  // thread creates the model.
  static Napi::Value open(const Napi::CallbackInfo& info);
  ~Model() override;

 private:
  using Flag = std::shared_ptr<std::atomic<bool>>;
  using Core = ModelCore;

  Napi::Value get_device(const Napi::CallbackInfo& info);
  Napi::Value get_isa(const Napi::CallbackInfo& info);
  Napi::Value get_threads(const Napi::CallbackInfo& info);
  Napi::Value get_parameters(const Napi::CallbackInfo& info);
  Napi::Value get_slots(const Napi::CallbackInfo& info);
  Napi::Value get_step(const Napi::CallbackInfo& info);
  void set_step(const Napi::CallbackInfo& info, const Napi::Value& value);
  Napi::Value get_busy(const Napi::CallbackInfo& info);
  Napi::Value get_parameter(const Napi::CallbackInfo& info);
  void set_parameter(const Napi::CallbackInfo& info);
  Napi::Value get_slot(const Napi::CallbackInfo& info);
  void set_slot(const Napi::CallbackInfo& info);
  Napi::Value sibling(const Napi::CallbackInfo& info);
  Napi::Value apply_gradients(const Napi::CallbackInfo& info);
  Napi::Value bind(const Napi::CallbackInfo& info);
  Napi::Value take_over(const Napi::CallbackInfo& info);
  void unbind(const Napi::CallbackInfo& info);
  Napi::Value reserve(const Napi::CallbackInfo& info);
  Napi::Value train(const Napi::CallbackInfo& info);
  Napi::Value train_epochs(const Napi::CallbackInfo& info);
  Napi::Value evaluate(const Napi::CallbackInfo& info);
  Napi::Value predict(const Napi::CallbackInfo& info);
  void predict_sync(const Napi::CallbackInfo& info);
  Napi::Value train_here(const Napi::CallbackInfo& info);
  Napi::Value evaluate_here(const Napi::CallbackInfo& info);
  void settled(const Napi::CallbackInfo& info);
  void cancel(const Napi::CallbackInfo& info);
  void dispose(const Napi::CallbackInfo& info);

  Core& core();
  Core& idle_core();
  void read_core(const std::function<void(Core&)>& read);
  int parameter_index(Napi::Value value);
  int slot_index(Napi::Value value);
  int trainable_index(Napi::Value value);
  void drop(int handle);
  Flag cancellable();
  bool may_be_here(Napi::Value allowed, Work work, std::int64_t rows, std::int64_t batches);
  Napi::Value run_here(Napi::Env env, const std::function<Sums(Core&)>& run);
  Napi::Value batch_here(const Napi::CallbackInfo& info, Work work);
  static void predict_here(Core& core, Napi::Object rows, Napi::Value to);
  Napi::Promise submit(Napi::Env env, Napi::Value arrays, const Flag& cancelled,
                       std::function<void(const std::atomic<bool>&)> work,
                       std::function<Napi::Value(Napi::Env)> result);
  template <class Run>
  Napi::Value submit_range(Napi::Env env, Napi::Value arrays, Run run);
  void release();

  std::shared_ptr<Core> core_;
  BoundData data_;
  std::shared_ptr<int> jobs_;  // in flight, of all models over these parameters
  std::vector<Flag> cancels_;  // the flags of work in flight
  std::int64_t external_bytes_ = 0;
};

}  // namespace neurode::addon
