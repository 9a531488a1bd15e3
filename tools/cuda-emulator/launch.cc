// Launches kernels.
#include <cstdio>

#include "tools/cuda-emulator/stream.h"

namespace neurode::emulator {
namespace {

bool run_kernel(const Grid& grid) {
  static const unsigned long long doomed = environment_number("NEURODE_EMULATOR_FAIL", 0);
  ++counters.kernels;
  counters.clock += 1;
  if (counters.kernels == doomed) {
    std::fprintf(stderr, "CUDA emulator: kernel %s fails by NEURODE_EMULATOR_FAIL\n",
                 kernel_name(grid.call.kernel).c_str());
    lose_device(cudaErrorIllegalAddress);
    return false;
  }
  trap_wrong_accesses();
  const unsigned long long faults = counters.faults;
  const bool whole = [&] {
    const OtherDevicesHidden hidden;
    return run_grid(grid);
  }();
  if (whole) check_guards("kernel ", grid.call.kernel);
  return counters.faults == faults;
}

cudaError_t check_grid(const Grid& g) {
  const std::uint64_t threads = std::uint64_t{g.block.x} * g.block.y * g.block.z;
  const bool block_fits = threads > 0 && threads <= kMaxThreads && g.block.x <= 1024 &&
                          g.block.y <= 1024 && g.block.z <= 64;
  const bool grid_fits = g.grid.x > 0 && g.grid.x <= 2147483647u && g.grid.y > 0 &&
                         g.grid.y <= 65535 && g.grid.z > 0 && g.grid.z <= 65535;
  if (!block_fits || !grid_fits) return cudaErrorInvalidConfiguration;
  const std::size_t fixed = static_shared_bytes(g.call.kernel),
                    limit = dynamic_shared_limit(g.call.kernel);
  if (fixed > kSharedLimit) {
    complain("kernel " + kernel_name(g.call.kernel) + " has " + std::to_string(fixed) +
             " bytes of static shared memory; nvcc allows 49152");
    return cudaErrorInvalidConfiguration;
  }
  return g.shared_bytes + fixed > (limit > 0 ? limit + fixed : kSharedLimit) ? cudaErrorInvalidValue
                                                                             : cudaSuccess;
}

}  // namespace

cudaError_t launch_call(const Call& call, dim3 grid, dim3 block, std::size_t shared_bytes,
                        cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  static const unsigned long long refused = environment_number("NEURODE_EMULATOR_REFUSE_LAUNCH", 0);
  static unsigned long long launches = 0;
  if (++launches == refused) return fail(cudaErrorLaunchOutOfResources);
  Grid launch{call, grid, block, shared_bytes};
  if (const cudaError_t error = check_grid(launch)) return fail(error);
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  if (!capturing(stream)) {
    load_kernel(call.kernel);
    const bool recorded = find_stream(stream)->status != cudaStreamCaptureStatusNone;
    if (recorded) return fail(cudaErrorStreamCaptureInvalidated);
    trace("kernel", stream);
    run_kernel(launch);
    return cudaSuccess;
  }
  if (!is_loaded(call.kernel)) {
    complain("kernel " + kernel_name(call.kernel) +
             " is loaded by its first launch, in a capture, where that may fail");
    find_stream(stream)->status = cudaStreamCaptureStatusInvalidated;
    return fail(cudaErrorStreamCaptureUnsupported);
  }
  const std::shared_ptr<const void> copy = call.copy(call.call);
  return enqueue(stream, [launch, copy]() mutable {
    launch.call.call = copy.get();
    return run_kernel(launch);
  });
}

}  // namespace neurode::emulator
