// Measures the highest speed of the device.
#include <algorithm>
#include <vector>

#include "cuda/kernels/dense.h"
#include "cuda/measure.h"
#include "cuda/wide/copies.h"
#include "cuda/wide/library_products.h"
#include "cuda/wide/tensor_cores.h"

namespace neurode::cuda {
namespace {

constexpr int kRepeats = 11;

struct Clock {
  Clock() { check(cudaEventCreate(&event), "making an event"); }
  ~Clock() { static_cast<void>(cudaEventDestroy(event)); }
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  cudaEvent_t event = nullptr;
};

// The median of kRepeats runs in seconds, after one run that is not timed.
template <class Run>
double seconds_of(cudaStream_t stream, const Run& run) {
  run();
  std::vector<float> times;
  const Clock begin, end;
  for (int i = 0; i < kRepeats; ++i) {
    check(cudaEventRecord(begin.event, stream), "recording an event");
    run();
    check(cudaEventRecord(end.event, stream), "recording an event");
    check(cudaEventSynchronize(end.event), "waiting for its work");
    check(cudaEventElapsedTime(&times.emplace_back(), begin.event, end.event), "reading its clock");
  }
  std::nth_element(times.begin(), times.begin() + kRepeats / 2, times.end());
  return times[kRepeats / 2] / 1e3;
}

// Fills `values` with random numbers, uniform in [-1, 1).
__global__ __launch_bounds__(kThreads) void noise_kernel(float* values, std::int64_t count,
                                                         std::uint32_t seed) {
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x; i < count;
       i += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    std::uint32_t bits = (static_cast<std::uint32_t>(i) + seed) * 0x9e3779b9u;
    bits = (bits ^ bits >> 16) * 0x85ebca6bu;
    bits = (bits ^ bits >> 13) * 0xc2b2ae35u;
    values[i] = static_cast<float>(bits ^ bits >> 16) / 2147483648.0f - 1.0f;
  }
}

// A matrix of random numbers and, if products read bfloat16 copies, its copy.
struct RandomMatrix {
  DeviceMemory floats, rounded;
  int stride, copy_stride;

  RandomMatrix(MemoryPool& pool, Launcher& launcher, int rows, int columns, bool copied,
               std::uint32_t seed)
      : stride((columns + 3) / 4 * 4), copy_stride(padded_copy(columns)) {
    const std::int64_t count = std::int64_t{rows} * stride;
    floats = DeviceMemory(pool, count * 4, "a matrix");
    launcher(noise_kernel,
             dim3(static_cast<unsigned>(
                 std::min<std::int64_t>(4096, (count + kThreads - 1) / kThreads))),
             kThreads, 0, floats.floats(), count, seed);
    if (!copied) return;
    rounded = DeviceMemory(pool, std::int64_t{rows} * copy_stride * 2, "a matrix");
    round_to_bfloat16(launcher, Tensor{floats.floats(), stride}, nullptr, rows, columns,
                      {rounded.as<BFloat16>(), copy_stride});
  }
  Matrix matrix() const {
    if (rounded.size() > 0) return {rounded.as<void>(), copy_stride};
    return {floats.as<void>(), stride};
  }
};

}  // namespace

double measure_copy(Device& device, std::int64_t bytes) {
  const DeviceMemory from(device.pool, bytes, "what is copied"),
      to(device.pool, bytes, "what is copied");
  Launcher launcher(device.stream.get());
  launcher(noise_kernel, dim3(4096), kThreads, 0, from.floats(), bytes / 4, 1u);
  return seconds_of(device.stream.get(), [&] {
    check(cudaMemcpyAsync(to.as<void>(), from.as<void>(), static_cast<std::size_t>(bytes),
                          cudaMemcpyDeviceToDevice, device.stream.get()),
          "copying");
  });
}

double measure_product(Device& device, Precision precision, int rows, int inputs, int units) {
  Launcher launcher(device.stream.get());
  const bool copied = precision == Precision::bfloat16;
  const RandomMatrix input(device.pool, launcher, rows, inputs, copied, 1),
      kernel(device.pool, launcher, inputs, units, copied, 2);
  const int stride = copied ? padded_copy(units) : (units + 3) / 4 * 4;
  const DeviceMemory output(device.pool, std::int64_t{rows} * stride * (copied ? 2 : 4),
                            "a matrix");
  if (precision == Precision::float32) {
    const DeviceMemory state(device.pool, sizeof(RunState), "a state");
    check(cudaMemsetAsync(state.as<void>(), 0, sizeof(RunState), device.stream.get()), "clearing");
    Stage stage{};
    stage.kind = StageKind::dense_forward;
    stage.inputs = inputs;
    stage.units = units;
    stage.input = {input.floats.floats(), 0, input.stride};
    stage.output = {output.floats(), 0, stride};
    stage.kernel = kernel.floats.floats();
    stage.kernel_stride = kernel.stride;
    const StepRecord step{state.as<RunState>(), rows, nullptr, rows};
    return seconds_of(device.stream.get(), [&] { dense_forward(launcher, stage, step, rows); });
  }
  check_tensor_cores(device, precision);
  ForwardProduct product{};
  product.input = input.matrix();
  product.kernel = kernel.matrix();
  product.rows = rows;
  product.inputs = inputs;
  product.units = units;
  if (copied) {
    product.copy = {output.as<BFloat16>(), stride};
  } else {
    product.output = {output.floats(), stride};
  }
  const DeviceMemory sums(device.pool, std::int64_t{rows} * padded_copy(units) * 4, "sums");
  const auto library = LibraryProducts::open(device, copied);
  return seconds_of(device.stream.get(), [&] {
    if (library) return library->forward(launcher, product, {sums.floats(), nullptr});
    (copied ? tensor_forward<Bf16> : tensor_forward<Tf32>)(launcher, product);
  });
}

}  // namespace neurode::cuda
