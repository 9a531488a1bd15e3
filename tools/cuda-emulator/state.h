// What the emulator's files share: the lock, errors, faults and counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "tools/cuda-emulator/kernel_launch.h"
#include "tools/cuda-emulator/runtime_api.h"

namespace neurode::emulator {

constexpr int kExitStatus = 86;
constexpr unsigned char kPoison = 0xff;  // a float of such bytes is NaN
constexpr int kMaxThreads = 1024;
constexpr int kMostDevices = 8;
constexpr std::size_t kSharedLimit = 48 << 10, kSharedOptinLimit = 64 << 10;

struct Counters {
  unsigned long long kernels = 0, graphs = 0, copies = 0, copied_bytes = 0, faults = 0;
  // Allocations of device and page-locked memory; graphs that were instantiated.
  unsigned long long allocations = 0, kernels_at_last_allocation = 0, instantiated = 0;
  double clock = 0;  // in nanoseconds, as events see it: each kernel and each call of a warp
                     // function adds one, so that timings repeat
};
extern Counters counters;

// Every runtime call and every kernel holds this lock, so the device does one thing at a time.
std::recursive_mutex& device_mutex();
class Lock {
 public:
  explicit Lock(std::recursive_mutex& mutex);
  ~Lock();
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  std::recursive_mutex& mutex_;
};
// Whether the calling thread holds the lock.
bool is_working();

// device.cc. Stores an error for cudaGetLastError, and returns the error.
cudaError_t fail(cudaError_t error);
// The driver's error that the environment asks for, or cudaSuccess.
cudaError_t driver_error();
// The same error, or the sticky error of the current device.
cudaError_t device_error();
// Makes the error sticky for the current device.
void lose_device(cudaError_t error);
// Reports a fault on stderr, counts it, and loses the current device.
void fault(cudaError_t error, const std::string& what);
// Reports a fault on stderr and counts it. The device still works.
void complain(const std::string& what);
// A whole number with an optional suffix K, M or G; `otherwise` if the variable is not set.
unsigned long long environment_number(const char* name, unsigned long long otherwise);

// current_device.cc
int device_count();
int current_device();
// Whether an object belongs to another device than the current one. If so, this is reported and
// counted as a fault. The emulator is stricter than a GPU, which accepts this in some calls.
bool is_foreign(int device, const char* what);
// Loads a kernel on the current device. A kernel's first launch or attribute query does this.
void load_kernel(const void* kernel);
bool is_loaded(const void* kernel);

// block.cc. Runs the blocks of a grid. Returns false if a fault ended the grid.
struct Grid {
  Call call;
  dim3 grid, block;
  std::size_t shared_bytes;
};
bool run_grid(const Grid& grid);
// "kernel k, block (0, 0, 0), thread (3, 0, 0)", or "" when no kernel runs on this thread.
std::string running_thread();

// symbols.cc. Without a symbol table, kernel names are addresses, and no shared variables are
// found.
struct SharedVariable {
  std::size_t offset, bytes;  // in the library's thread-local block
  std::string symbol;
};
std::string kernel_name(const void* kernel);
// The mangled symbol of a kernel.
std::string kernel_symbol(const void* kernel);
const std::vector<SharedVariable>& shared_variables();
// The calling thread's thread-local block.
char* thread_local_block();

// shared.cc. The shared memory of the running kernel. It is filled with NaN before each block.
class SharedMemory {
 public:
  SharedMemory(const void* kernel, std::size_t dynamic_bytes);
  bool guards_whole() const;
  void end_block(bool last);

 private:
  struct KernelUse& use_;
  std::size_t dynamic_bytes_;
  bool learns_;
  int blocks_ = 0;
};
std::size_t static_shared_bytes(const void* kernel);
std::size_t& dynamic_shared_limit(const void* kernel);

// Whether the address is in the page without access after the dynamic shared memory.
bool in_shared_guard(const void* address);

// memory.cc
struct Allocation {
  std::size_t bytes = 0;
  bool device = false, registered = false;
  int owner = 0;            // the device whose memory this is
  char* mapping = nullptr;  // includes the guards
  std::size_t mapped = 0;
  std::vector<std::pair<char*, std::size_t>> guards;
  cudaMemPool_t pool = nullptr;
};
// The live allocation that contains `pointer`; *begin becomes its first byte.
const Allocation* find_allocation(const void* pointer, char** begin);
// Whether a copy may access these bytes. `device`: they must be memory of the current device;
// otherwise memory of the host.
bool accessible(const void* pointer, std::size_t bytes, bool device);
// Reports every guard word that was overwritten, by a kernel or by what `where` names.
void check_guards(const char* where, const void* kernel = nullptr);
// Prints one line to stderr for each live allocation. Returns their number.
int report_allocations();
void free_everything();
// While this exists, the current device's kernels have no access to memory of other devices. Works
// only with guard pages.
class OtherDevicesHidden {
 public:
  OtherDevicesHidden();
  ~OtherDevicesHidden();
};
cudaError_t allocate_call(void** pointer, std::size_t bytes, bool device,
                          cudaMemPool_t pool = nullptr);
bool is_in_use(cudaMemPool_t pool);

// pool.cc
int report_pools();
void forget_pools();

// Describes an address in or near a live or freed allocation; "" if there is none.
std::string describe_address(const void* address);

// guard_pages.cc
bool guard_pages();
bool guard_starts();
// A wrong access of the calling thread prints a description and ends the process.
void trap_wrong_accesses();

// stream.cc. Appends a line to the file in NEURODE_EMULATOR_TRACE.
void trace(const char* what, cudaStream_t stream, unsigned long long bytes = 0);
// The stream's number in the order of creation; 0 for the default stream.
int stream_number(cudaStream_t stream);

// graph.cc
using Node = std::function<bool()>;  // false after a fault
// Adds the node to the graph if the stream is being captured; otherwise runs the node at once.
cudaError_t enqueue(cudaStream_t stream, Node node);
bool capturing(cudaStream_t stream);
// The error if the calling thread must not allocate or wait now because of a capture. Also ends the
// captures that forbid it.
cudaError_t forbidden_while_capturing();
// The error of using a stream now: the stream does not exist, or belongs to another device than the
// current one.
cudaError_t stream_error(cudaStream_t stream);
int report_handles();
int report_graphs();
void forget_handles();
void forget_graphs();

}  // namespace neurode::emulator
