// Speed of the CPU and of single kernels, for the benchmarks.
#include "native/cpu/measure.h"

#include <algorithm>
#include <chrono>
#include <vector>

#include "native/cpu/instruction_sets.h"
#include "native/cpu/threads.h"
#include "native/engine/flush_subnormals.h"
#include "native/engine/memory.h"

namespace neurode::cpu {
namespace {

static_assert(kLeastMeasuredSize == kPanel);

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// Calls pass(thread) on every thread until the time is over. The passes of all threads in a second.
template <class Pass>
double passes_per_second(const Measurement& measurement, Pass pass) {
  ThreadTeam team(measurement.threads);
  std::vector<std::int64_t> passes(measurement.threads * 16);  // a cache line each
  double seconds = 0;
  team.run(measurement.threads, [&](int thread) {
    const FlushSubnormals flush;
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

}  // namespace

double measure_peak(const Measurement& measurement) {
  const Kernels& kernels = chosen_kernels();
  const double operations = kernels.peak(1000);
  return operations * passes_per_second(measurement, [&](int) { kernels.peak(1000); });
}

double measure_product(const Measurement& measurement, int m, int n, int k) {
  const Kernels& kernels = chosen_kernels();
  const std::int64_t stride = (k + 15) / 16 * 16 + 16;
  const int panels = (n + kPanel - 1) / kPanel;
  const std::int64_t step = std::int64_t{std::max(k, m)} * kPanel;  // of panels, for both
  Floats a(stride * m), b(panels * step), c(panels * step);
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
}

double measure_op(double seconds, OpKind kind, const Op& op, int size) {
  const Kernels& kernels = chosen_kernels();
  const int features = size / kPanel;
  Floats x(size), y(size), values(kPanel), state[kMostSlots];
  float* slots[kMostSlots];
  for (int s = 0; s < kMostSlots; ++s) {
    state[s] = Floats(size);
    slots[s] = state[s].data();
  }
  for (int i = 0; i < size; ++i) x.data()[i] = static_cast<float>(i % 17 + 1) / 18;
  const OptimizerStep step{
      .row = op.row, .params = op.params.data(), .learning_rate = 1e-6f, .step = 1, .keep = 1};
  return 1 / passes_per_second({1, seconds}, [&](int) {
           switch (kind) {
             case OpKind::activation:
               return kernels.activation_forward(op, {}, x.data(), y.data(), features, kPanel);
             case OpKind::loss:
               return kernels.loss(op, x.data(), x.data(), features, kPanel, 1, nullptr,
                                   values.data(), y.data());
             case OpKind::metric:
               return kernels.metric(op, x.data(), x.data(), features, kPanel, values.data());
             default:
               return kernels.update(x.data(), y.data(), slots, features * kPanel, step);
           }
         });
}

}  // namespace neurode::cpu
