// The CUDA emulator: lets a host compiler build cuda/*.cu as ordinary C++. Included in place of
// <cuda_runtime.h>.
//
// What it shows: results; out-of-bounds writes (guard words round every allocation) and, with
// NEURODE_EMULATOR_GUARD, out-of-bounds reads too (pages without access); reads before writes
// (fresh and shared memory is full of NaN); missing and divergent barriers (threads run in an order
// that changes from barrier to barrier); leaks; misuse of the runtime; kernels that a capture would
// have to load; with several devices, streams, events, pools and memory of another device than the
// current one, and with guard pages kernels that touch such memory. What it cannot show: host
// code that dereferences a device pointer (it is host memory), missing
// __threadfence between blocks (blocks run one after another), bank conflicts, speed.
//
// Environment:
//   NEURODE_EMULATOR_GUARD=1|2     Every allocation ends at (2: starts at) a page without access. A
//                                  wrong access prints kernel, block and thread, and exits with
//                                  status 86.
//
//   NEURODE_EMULATOR_SEED=n        Another order of threads and blocks; the same seed gives the
//                                  same order.
//
//   NEURODE_EMULATOR_DEVICES=n     How many devices there are, up to 8. Default 1.
//
//   NEURODE_EMULATOR_MEMORY=n      Memory of a device in bytes (suffix K, M, G). Default 16G.
//
//   NEURODE_EMULATOR_CAPABILITY=x  The compute capability, default 7.5. From 8.0 on there are
//                                  tensor cores; no kernel is compiled for what is below 7.5.
//
//   NEURODE_EMULATOR_DRIVER=x      none, old or no-device: what a machine without a usable GPU
//                                  answers.
//
//   NEURODE_EMULATOR_FAIL=n        The n-th kernel of the process fails with
//                                  cudaErrorIllegalAddress, and the device is lost.
//
//   NEURODE_EMULATOR_REFUSE_LAUNCH=n   The n-th launch is refused with
//                                  cudaErrorLaunchOutOfResources; the device works on.
//
//   NEURODE_EMULATOR_FAIL_MEMORY=n, n-m   Requests n to m for device memory fail, counted since the
//                                  variable got its value: a running program may set it.
//
//   NEURODE_EMULATOR_FAIL_PINNED=n, n-m   The same of page-locked memory.
//
//   NEURODE_EMULATOR_NO_POOLS=1    Memory pools are refused, although there should be some.
//
//   NEURODE_EMULATOR_FREE_MS=n     Giving device memory back takes so long.
//
//   CUDA_MODULE_LOADING=EAGER      Kernels are there from the beginning; else their first launch on
//                                  a device loads them, which is a fault in a capture.
//
//   NEURODE_EMULATOR_STRICT=1      At exit, leaks and faults are reported, and the exit status is
//                                  86 if there were any.
//
//   NEURODE_EMULATOR_REPORT=path   At exit, counters, leaks and faults are written there as JSON.
//
// To build: compile cuda/*.cu as C++20 (-x c++) with -DNEURODE_CUDA_EMULATOR -Wno-unknown-pragmas
// -fno-strict-aliasing, link the .cc files of this folder into the same
// library, and do not strip it: kernels and __shared__ variables are found by its symbol table.
// Linux, x86-64 or arm64.
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
