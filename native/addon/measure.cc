// Measures the speed of the machine and of single kernels, for the benchmarks.
#include "native/addon/measure.h"

#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "native/addon/convert.h"
#include "native/addon/worker.h"
#include "native/cpu/measure.h"
#include "native/devices/registry.h"
#include "native/engine/op_table.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMostSize = 1 << 24;

double seconds_of(Napi::Object options) {
  return static_cast<double>(member(options, "milliseconds", to_integer, 1, 60000)) / 1000;
}

cpu::Measurement to_measurement(Napi::Object options) {
  return {static_cast<int>(member(options, "threads", to_integer, 1, 1024)), seconds_of(options)};
}

// Runs the work in the queue of the CPU with one thread, behind the work of models that have it.
Napi::Value measure(const Napi::CallbackInfo& info, std::function<double()> work) {
  const Napi::Env env = info.Env();
  std::shared_ptr<Device> device = open_device("cpu", 1);
  auto value = std::make_shared<double>(0);
  return env.GetInstanceData<AddonData>()->worker.submit(
      env, *device, Napi::Object::New(env), [work = std::move(work), value] { *value = work(); },
      [value, device](Napi::Env env) { return Napi::Number::New(env, *value); }, [] {}, [] {});
}

}  // namespace

Napi::Value measure_peak(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const cpu::Measurement measurement = to_measurement(to_object(info[0], "options"));
    return measure(info, [=] { return 1e-9 * cpu::measure_peak(measurement); });
  });
}

Napi::Value measure_gemm(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Object options = to_object(info[0], "options");
    const cpu::Measurement measurement = to_measurement(options);
    const int m = static_cast<int>(member(options, "m", to_integer, 1, kMostSize));
    const int n = static_cast<int>(member(options, "n", to_integer, 1, kMostSize));
    const int k = static_cast<int>(member(options, "k", to_integer, 1, kMostSize));
    return measure(info, [=] { return cpu::measure_product(measurement, m, n, k); });
  });
}

Napi::Value measure_device(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Object options = to_object(info[0], "options");
    const std::shared_ptr<Device> device = open_device(member(options, "device", to_text), 0);
    Device::Measured of{};
    of.bytes = member(options, "bytes", to_integer, 0, std::int64_t{1} << 40);
    of.precision = member(options, "precision", to_precision);
    const auto size = [&](const char* name) {
      return static_cast<int>(member(options, name, to_integer, of.bytes > 0 ? 0 : 1, kMostSize));
    };
    of.rows = size("m");
    of.inputs = size("k");
    of.units = size("n");
    return measure(info, [=] { return device->measure(of); });
  });
}

Napi::Value measure_op(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Object options = to_object(info[0], "options");
    const double seconds = seconds_of(options);
    const std::string kind = member(options, "kind", to_text);
    const std::string name = member(options, "name", to_text);
    const int size =
        static_cast<int>(member(options, "size", to_integer, cpu::kLeastMeasuredSize, kMostSize));
    const OpKind op_kind = kind == "activation" ? OpKind::activation
                           : kind == "loss"     ? OpKind::loss
                           : kind == "metric"   ? OpKind::metric
                                                : OpKind::optimizer;
    Op op{op_row(op_kind, name), {}};
    op.params.fill(0.5f);
    return measure(info, [=] { return cpu::measure_op(seconds, op_kind, op, size); });
  });
}

}  // namespace neurode::addon
