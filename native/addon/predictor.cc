// The JavaScript class of a model that is frozen for inference. Several threads of the process may
// share the native part.
#include "native/addon/predictor.h"

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "native/addon/convert.h"
#include "native/addon/copies.h"
#include "native/addon/range.h"
#include "native/addon/worker.h"
#include "native/devices/registry.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMostPredictedRows = std::int64_t{1} << 40;
constexpr std::int64_t kMostTokens = std::int64_t{1} << 52;

struct Frozen {
  std::shared_ptr<Device> device;
  std::shared_ptr<const Inference> inference;
  int input_size, output_size;
  std::vector<int> input_limits;  // as Program::input_limits
  std::int64_t bytes = 0;
  ForwardCost cost;
};

// The frozen models that environments of the process share, by token. The registry is never
// destroyed: threads of an exiting process may still use it.
class Registry {
 public:
  static Registry& instance() {
    static auto* const registry = new Registry;
    return *registry;
  }

  std::int64_t add(std::shared_ptr<const Frozen> frozen) {
    const std::lock_guard lock(mutex_);
    shared_[++last_] = std::move(frozen);
    return last_;
  }

  void remove(std::int64_t token) {
    const std::lock_guard lock(mutex_);
    shared_.erase(token);
  }

  std::shared_ptr<const Frozen> find(std::int64_t token) {
    const std::lock_guard lock(mutex_);
    const auto found = shared_.find(token);
    if (found == shared_.end())
      throw Error("ERR_DISPOSED", "token: the predictor that it was taken from was disposed");
    return found->second;
  }

 private:
  std::mutex mutex_;
  std::int64_t last_ = 0;
  std::map<std::int64_t, std::shared_ptr<const Frozen>> shared_;
};

// A model to be frozen. `values` points into the memory of JavaScript arrays.
struct Freezing {
  std::shared_ptr<Frozen> frozen = std::make_shared<Frozen>();
  Program program;
  ParameterValues values;

  void run() { frozen->inference = frozen->device->open_inference(std::move(program), values); }
};

Freezing to_freezing(const Napi::CallbackInfo& info) {
  const Napi::Object options = to_object(info[1], "options");
  Freezing freezing;
  freezing.program = compile(to_plan(info[0]));
  const Program& program = freezing.program;
  Frozen* const frozen = freezing.frozen.get();
  frozen->input_size = program.input_size;
  frozen->output_size = program.output_size;
  frozen->input_limits = program.input_limits;
  const Napi::Array arrays = info[2].As<Napi::Array>();
  ParameterValues& values = freezing.values;
  for (const Parameter& parameter : program.parameters) {
    const Napi::Float32Array array =
        to_floats(arrays.Get(static_cast<std::uint32_t>(values.size())), "parameters");
    if (static_cast<std::int64_t>(array.ElementLength()) != parameter.size())
      throw Error("ERR_SHAPE", "parameters: " + parameter.name + " has another size");
    values.push_back(array.Data());
    frozen->bytes += parameter.size() * std::int64_t{sizeof(float)};
  }
  frozen->device = open_device(member(options, "device", to_text),
                               static_cast<int>(member(options, "threads", to_integer, 0, 1024)));
  frozen->cost = frozen->device->forward_cost(program);
  return freezing;
}

class Predictor : public Wrapped<Predictor> {
 public:
  explicit Predictor(const Napi::CallbackInfo& info) : Wrapped<Predictor>(info) {
    const Napi::Env env = info.Env();
    guard(env, [&] {
      if (info[0].IsNumber()) {
        frozen_ = Registry::instance().find(to_integer(info[0], "token", 1, kMostTokens));
        return;
      }
      if (info[0].IsExternal()) {
        frozen_ = info[0].As<Napi::External<Freezing>>().Data()->frozen;
      } else {
        Freezing freezing = to_freezing(info);
        freezing.run();
        frozen_ = std::move(freezing.frozen);
      }
      external_bytes_ = frozen_->bytes;
      Napi::MemoryManagement::AdjustExternalMemory(env, external_bytes_);
    });
  }

  ~Predictor() override { release(); }

  // (plan, options, parameters): a promise of a Predictor. Another thread freezes the model.
  static Napi::Value open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guard(env, [&]() -> Napi::Value {
      const auto freezing = std::make_shared<Freezing>(to_freezing(info));
      AddonData* const data = env.GetInstanceData<AddonData>();
      return data->worker.prepare(
          env, to_object(info[2], "parameters"), [freezing] { freezing->run(); },
          [freezing, data](Napi::Env env) -> Napi::Value {
            return data->predictor_class.New({Napi::External<Freezing>::New(env, freezing.get())});
          });
    });
  }

  Napi::Value get_device(const Napi::CallbackInfo& info) {
    return guard(info.Env(),
                 [&] { return Napi::String::New(info.Env(), frozen().device->name()); });
  }

  // (rows): the cost of predicting these rows on the calling thread, in floating-point operations.
  Napi::Value operations(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      const std::int64_t rows = to_integer(info[0], "rows", 1, kMostPredictedRows);
      return Napi::Number::New(info.Env(), frozen().cost.of(rows));
    });
  }

  Napi::Value is_quick(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      const std::int64_t rows = to_integer(info[0], "rows", 1, kMostPredictedRows);
      return Napi::Boolean::New(info.Env(), frozen().cost.is_quick(rows));
    });
  }

  Napi::Value get_takes_indices(const Napi::CallbackInfo& info) {
    return guard(info.Env(),
                 [&] { return Napi::Boolean::New(info.Env(), !frozen().input_limits.empty()); });
  }

  // Other environments may share the frozen model by this token until this object is disposed.
  Napi::Value get_token(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&] {
      frozen();
      if (token_ == 0) token_ = Registry::instance().add(frozen_);
      return Napi::Number::New(info.Env(), static_cast<double>(token_));
    });
  }

  // (input, output, lent): a lent input is copied before this call returns.
  Napi::Value predict(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    return guard(env, [&]() -> Napi::Value {
      InputView input = input_of(info[0]);
      float* const output = output_of(info[1], input.rows, frozen().output_size);
      const std::shared_ptr<const void> copy = to_bool(info[2], "lent") ? own(input) : nullptr;
      check_rows(input);
      Napi::Array keep = Napi::Array::New(env, 2);
      keep.Set(0u, info[1]);
      if (!copy) keep.Set(1u, info[0]);
      const auto cancelled = std::make_shared<std::atomic<bool>>(false);
      return env.GetInstanceData<AddonData>()->worker.submit(
          env, *frozen_->device, keep,
          [frozen = frozen_, input, copy, output, cancelled] {
            frozen->inference->predict(input, output, *cancelled);
          },
          [](Napi::Env env) { return env.Undefined(); }, [cancelled] { *cancelled = true; }, [] {});
    });
  }

  void predict_sync(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] {
      const InputView input = input_of(info[0]);
      check_rows(input);
      frozen_->inference->predict_here(input, output_of(info[1], input.rows, frozen().output_size));
    });
  }

  // (input): throws the errors that predict would throw.
  void check(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] { check_rows(input_of(info[0])); });
  }

  void dispose(const Napi::CallbackInfo&) { release(); }

 private:
  const Frozen& frozen() const {
    if (!frozen_) throw Error("ERR_DISPOSED", "the predictor was disposed");
    return *frozen_;
  }

  InputView input_of(Napi::Value value) const {
    InputView view;
    view.features = frozen().input_size;
    const Napi::TypedArray array = value.As<Napi::TypedArray>();
    if (array.TypedArrayType() == napi_uint8_array) {
      view.bytes = value.As<Napi::Uint8Array>().Data();
    } else {
      view.floats = to_floats(value, "input").Data();
    }
    const auto size = static_cast<std::int64_t>(array.ElementLength());
    view.rows = size / view.features;
    if (view.rows == 0 || view.rows * view.features != size) {
      throw Error("ERR_SHAPE", "input: expected whole rows of " + std::to_string(view.features) +
                                   " values, got " + std::to_string(size) + " values");
    }
    return view;
  }

  void check_rows(const InputView& input) const {
    check_indices(input, frozen_->input_limits, "input");
  }

  // Points the view to a copy of its rows. Returns the owner of the copy.
  static std::shared_ptr<const void> own(InputView& input) {
    const std::int64_t count = input.rows * input.features;
    const auto take = [count](auto*& rows) -> std::shared_ptr<const void> {
      auto copy = std::make_shared<decltype(copy_of(rows, count))>(copy_of(rows, count));
      rows = copy->data();
      return copy;
    };
    return input.bytes != nullptr ? take(input.bytes) : take(input.floats);
  }

  void release() {
    if (token_ != 0) Registry::instance().remove(token_);
    token_ = 0;
    frozen_.reset();
    if (external_bytes_ != 0) Napi::MemoryManagement::AdjustExternalMemory(Env(), -external_bytes_);
    external_bytes_ = 0;
  }

  std::shared_ptr<const Frozen> frozen_;
  std::int64_t token_ = 0;
  std::int64_t external_bytes_ = 0;
};

}  // namespace

Napi::Function define_predictor(Napi::Env env) {
  return Predictor::DefineClass(
      env, "Predictor",
      {Predictor::StaticMethod<&Predictor::open>("open"),
       Predictor::InstanceAccessor<&Predictor::get_device>("device"),
       Predictor::InstanceAccessor<&Predictor::get_takes_indices>("takesIndices"),
       Predictor::InstanceAccessor<&Predictor::get_token>("token"),
       Predictor::InstanceMethod<&Predictor::operations>("operations"),
       Predictor::InstanceMethod<&Predictor::is_quick>("isQuick"),
       Predictor::InstanceMethod<&Predictor::predict>("predict"),
       Predictor::InstanceMethod<&Predictor::predict_sync>("predictSync"),
       Predictor::InstanceMethod<&Predictor::check>("check"),
       Predictor::InstanceMethod<&Predictor::dispose>("dispose")});
}

}  // namespace neurode::addon
