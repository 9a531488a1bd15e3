// Speed of the machine and of single kernels, for the benchmarks.
#include "native/addon/measure.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "native/addon/convert.h"
#include "native/addon/worker.h"
#include "native/cpu/instruction_sets.h"
#include "native/cpu/memory.h"
#include "native/cpu/threads.h"
#include "native/engine/op_table.h"

namespace neurode::addon {
namespace {

constexpr std::int64_t kMostSize = 1 << 24;

struct Measurement {
  int threads;
  double seconds;
};

Measurement to_measurement(Napi::Object options) {
  return {static_cast<int>(member(options, "threads", to_integer, 1, 1024)),
          static_cast<double>(member(options, "milliseconds", to_integer, 1, 60000)) / 1000};
}

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Calls pass(thread) on every thread until the time is over; passes done by all threads, per
// second.
template <class Pass>
double passes_per_second(const Measurement& measurement, Pass pass) {
  cpu::ThreadTeam team(measurement.threads);
  std::vector<std::int64_t> passes(measurement.threads * 16);  // a cache line each
  double seconds = 0;
  team.run(measurement.threads, [&](int thread) {
    const cpu::FlushSubnormals flush;
    pass(thread);
    if (measurement.threads > 1) team.barrier();
    const double start = now();
    do {
      pass(thread);
      ++passes[thread * 16];
    } while (now() - start < measurement.seconds);
    if (measurement.threads > 1) team.barrier();
    if (thread == 0) seconds = now() - start;
  });
  std::int64_t total = 0;
  for (const std::int64_t count : passes) total += count;
  return static_cast<double>(total) / seconds;
}

// Runs on a thread of its own device, so that no model's work stands beside it in the queue.
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
    const Measurement measurement = to_measurement(to_object(info[0], "options"));
    return measure(info, [measurement] {
      const cpu::Kernels& kernels = cpu::chosen_kernels();
      const double operations = kernels.peak(1000);
      return 1e-9 * operations * passes_per_second(measurement, [&](int) { kernels.peak(1000); });
    });
  });
}

Napi::Value measure_gemm(const Napi::CallbackInfo& info) {
  return guard(info.Env(), [&] {
    const Napi::Object options = to_object(info[0], "options");
    const Measurement measurement = to_measurement(options);
    const int m = static_cast<int>(member(options, "m", to_integer, 1, kMostSize));
    const int n = static_cast<int>(member(options, "n", to_integer, 1, kMostSize));
    const int k = static_cast<int>(member(options, "k", to_integer, 1, kMostSize));
    return measure(info, [=] {
      using cpu::kPanel;
      const cpu::Kernels& kernels = cpu::chosen_kernels();
      const std::int64_t stride = (k + 15) / 16 * 16 + 16;
      const int panels = (n + kPanel - 1) / kPanel;
      const std::int64_t step = std::int64_t{std::max(k, m)} * kPanel;  // of panels, for both
      cpu::Floats a(stride * m), b(panels * step), c(panels * step);
      for (std::int64_t i = 0; i < a.size(); ++i) a.data()[i] = static_cast<float>(i % 7) - 3;
      for (std::int64_t i = 0; i < b.size(); ++i) b.data()[i] = static_cast<float>(i % 5) - 2;
      return measurement.threads / passes_per_second(measurement, [&](int thread) {
               const int begin = panels * thread / measurement.threads,
                         end = panels * (thread + 1) / measurement.threads;
               for (int p = begin; p < end; p += 2) {
                 const int rows[] = {std::min(kPanel, n - p * kPanel),
                                     std::min(kPanel, n - (p + 1) * kPanel)};
                 kernels.dense_forward(a.data(), stride, nullptr, k, m,
                                       {std::min(2, end - p), rows, step}, b.data() + p * step,
                                       c.data() + p * step);
               }
             });
    });
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
    const double seconds =
        static_cast<double>(member(options, "milliseconds", to_integer, 1, 60000)) / 1000;
    const std::string kind = member(options, "kind", to_text);
    const std::string name = member(options, "name", to_text);
    const int size = static_cast<int>(member(options, "size", to_integer, cpu::kPanel, kMostSize));
    const OpKind op_kind = kind == "activation" ? OpKind::activation
                           : kind == "loss"     ? OpKind::loss
                           : kind == "metric"   ? OpKind::metric
                                                : OpKind::optimizer;
    Op op{op_row(op_kind, name), {}};
    op.params.fill(0.5f);
    return measure(info, [=] {
      using cpu::kPanel;
      const cpu::Kernels& kernels = cpu::chosen_kernels();
      const int features = size / kPanel;
      cpu::Floats x(size), y(size), values(kPanel), state[4];
      float* slots[4];
      for (int s = 0; s < 4; ++s) {
        state[s] = cpu::Floats(size);
        slots[s] = state[s].data();
      }
      for (int i = 0; i < size; ++i) x.data()[i] = static_cast<float>(i % 17 + 1) / 18;
      return 1 / passes_per_second({1, seconds}, [&](int) {
               switch (op_kind) {
                 case OpKind::activation:
                   return kernels.activation_forward(op, {}, x.data(), y.data(), features, kPanel);
                 case OpKind::loss:
                   return kernels.loss(op, x.data(), x.data(), features, kPanel, 1, nullptr,
                                       values.data(), y.data());
                 case OpKind::metric:
                   return kernels.metric(op, x.data(), x.data(), features, kPanel, values.data());
                 case OpKind::optimizer:
                   return kernels.update(x.data(), y.data(), slots, size / kPanel * kPanel,
                                         {op.row, op.params.data(), 1e-6f, 1, 1});
               }
             });
    });
  });
}

}  // namespace neurode::addon
