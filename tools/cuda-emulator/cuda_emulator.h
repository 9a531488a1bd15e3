// The CUDA emulator: a host compiler builds cuda/*.cu as ordinary C++. Include this file in place
// of <cuda_runtime.h>.
//
// The emulator finds: wrong results; out-of-bounds writes (there are guard words around every
// allocation) and, with NEURODE_EMULATOR_GUARD, out-of-bounds reads too (there are pages without
// access); reads before writes (new memory and shared memory are full of NaN); missing and
// divergent barriers (the order of threads changes from barrier to barrier); leaks; misuse of the
// runtime; kernels that a capture would have to load. With several devices it also finds the use
// of streams, events, pools and memory of another device than the current one; with guard pages,
// kernels that access such memory too.
//
// The emulator cannot find: host code that dereferences a device pointer (device memory is host
// memory); a missing __threadfence between blocks (blocks run one after another); bank conflicts;
// slow code.
//
// Environment:
//   NEURODE_EMULATOR_GUARD=1|2     Every allocation ends at (2: starts at) a page without access. A
//                                  wrong access prints kernel, block and thread, and exits with
//                                  status 86.
//
//   NEURODE_EMULATOR_SEED=n        Selects the order of threads and blocks; the same seed gives
//                                  the same order.
//
//   NEURODE_EMULATOR_DEVICES=n     The number of devices, up to 8. Default 1.
//
//   NEURODE_EMULATOR_MEMORY=n      Memory of a device in bytes (suffix K, M, G). Default 16G.
//
//   NEURODE_EMULATOR_CAPABILITY=x  The compute capability. Default 7.5. From 8.0 on there are
//                                  tensor cores; below 7.5 there is no code for the device.
//
//   NEURODE_EMULATOR_DRIVER=x      none, old or no-device: gives the errors of a machine without
//                                  a usable GPU.
//
//   NEURODE_EMULATOR_FAIL=n        The n-th kernel of the process fails with
//                                  cudaErrorIllegalAddress, and the device is lost.
//
//   NEURODE_EMULATOR_REFUSE_LAUNCH=n   The n-th launch is refused with
//                                  cudaErrorLaunchOutOfResources; the device still works.
//
//   NEURODE_EMULATOR_FAIL_MEMORY=n, n-m   Requests n to m for device memory fail. They are
//                                  counted from the time the variable got its value, so a running
//                                  program may set it.
//
//   NEURODE_EMULATOR_FAIL_PINNED=n, n-m   The same for page-locked memory.
//
//   NEURODE_EMULATOR_NO_POOLS=1    Memory pools cannot be created, though the device reports them.
//
//   NEURODE_EMULATOR_FREE_MS=n     Milliseconds that it takes to free device memory.
//
//   CUDA_MODULE_LOADING=EAGER      All kernels are loaded at the start. Otherwise a kernel's first
//                                  launch on a device loads it, which is a fault in a capture.
//
//   NEURODE_EMULATOR_STRICT=1      At exit, prints leaks and faults; the exit status is 86 if there
//                                  are any.
//
//   NEURODE_EMULATOR_REPORT=path   At exit, writes counters, leaks and faults there as JSON.
//
// To build: compile cuda/*.cu as C++20 (-x c++) with -DNEURODE_CUDA_EMULATOR -Wno-unknown-pragmas
// -fno-strict-aliasing, and link the .cc files of this folder into the same library. Do not strip
// the library: its symbol table is needed to find kernels and __shared__ variables. Works on Linux,
// x86-64 or arm64.
#pragma once

#include "tools/cuda-emulator/device_functions.h"
#include "tools/cuda-emulator/kernel_launch.h"
#include "tools/cuda-emulator/runtime_api.h"
#include "tools/cuda-emulator/vector_types.h"
#include "tools/cuda-emulator/warp_matrix.h"

namespace neurode::cuda {
using emulator::copy_async;
using emulator::dynamic_shared;
using emulator::end_copy_group;
using emulator::launch;
using emulator::load_matrices;
using emulator::load_matrices_transposed;
using emulator::multiply_bfloat16;
using emulator::multiply_tf32;
using emulator::to_bfloat16s;
using emulator::to_tf32;
using emulator::wait_for_copies;
}  // namespace neurode::cuda
