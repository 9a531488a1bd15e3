// What the emulator's files share: the one lock, errors, faults and counters.
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
constexpr unsigned char kPoison = 0xff;  // every float made of it is NaN
constexpr int kMaxThreads = 1024;
constexpr int kMostDevices = 8;
constexpr std::size_t kSharedLimit = 48 << 10, kSharedOptinLimit = 64 << 10;

struct Counters {
  unsigned long long kernels = 0, graphs = 0, copies = 0, copied_bytes = 0, faults = 0;
  // Of device and page-locked memory; graphs that were instantiated.
  unsigned long long allocations = 0, kernels_at_last_allocation = 0, instantiated = 0;
  double clock = 0;  // nanoseconds that events see: one for each kernel and each call of a warp
                     // function, so that timings repeat
};
extern Counters counters;

// Every call of the runtime and every kernel holds it: the device does one thing at a time.
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
// Whether the calling thread holds it.
bool is_working();

// device.cc. Remembers an error for cudaGetLastError, and returns it.
cudaError_t fail(cudaError_t error);
// The error of a driver that the environment pretends; cudaSuccess otherwise.
cudaError_t driver_error();
// The same, or the sticky error of the current device.
cudaError_t device_error();
// Makes an error of the current device sticky.
void lose_device(cudaError_t error);
// Says on stderr what is wrong, counts it, and loses the current device.
void fault(cudaError_t error, const std::string& what);
// Counts and says it, without harm to the device.
void complain(const std::string& what);
// A whole number with an optional suffix K, M or G.
unsigned long long environment_number(const char* name, unsigned long long otherwise);

// current_device.cc
int device_count();
int current_device();
// Whether something is of another device than the current one, which is said, and counted as a
// fault. It is stricter than a GPU, on which some calls do not mind.
bool is_foreign(int device, const char* what);
// A kernel's first launch on a device, or question about it, loads it.
void load_kernel(const void* kernel);
bool is_loaded(const void* kernel);

// block.cc. Runs the blocks of a grid; false when a fault ended it.
struct Grid {
  Call call;
  dim3 grid, block;
  std::size_t shared_bytes;
};
bool run_grid(const Grid& grid);
// "kernel k, block (0, 0, 0), thread (3, 0, 0)", or "" when no kernel runs on this thread.
std::string running_thread();

// symbols.cc. Without a symbol table there are addresses for names, and no shared variables.
struct SharedVariable {
  std::size_t offset, bytes;  // in the library's thread-local block
  std::string symbol;
};
std::string kernel_name(const void* kernel);
// The symbol of a kernel, mangled.
std::string kernel_symbol(const void* kernel);
const std::vector<SharedVariable>& shared_variables();
// The calling thread's thread-local block.
char* thread_local_block();

// shared.cc: the shared memory of the running kernel, full of NaN when a block starts.
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

// The page without access behind the dynamic shared memory.
bool in_shared_guard(const void* address);

// memory.cc
struct Allocation {
  std::size_t bytes = 0;
  bool device = false, registered = false;
  int owner = 0;            // the device that it is memory of
  char* mapping = nullptr;  // with the guards
  std::size_t mapped = 0;
  std::vector<std::pair<char*, std::size_t>> guards;
  cudaMemPool_t pool = nullptr;
};
// The live allocation whose bytes hold `pointer`, and its first byte.
const Allocation* find_allocation(const void* pointer, char** begin);
// Whether a copy may read or write these bytes; `device`: they must be the current device's, else
// the host's.
bool accessible(const void* pointer, std::size_t bytes, bool device);
// Reports every guard word that a kernel, or who else `where` names, destroyed.
void check_guards(const char* where, const void* kernel = nullptr);
// A line of stderr for each live allocation.
int report_allocations();
void free_everything();
// Takes the access to memory of other devices from the current one's kernels; only with guard
// pages.
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

// What lies at an address in or near an allocation, live or freed; "" when it is none of ours.
std::string describe_address(const void* address);

// guard_pages.cc
bool guard_pages();
bool guard_starts();
// Makes a wrong access of the calling thread print what it did, and end the process.
void trap_wrong_accesses();

// stream.cc. Appends a line to the file that NEURODE_EMULATOR_TRACE names.
void trace(const char* what, cudaStream_t stream, unsigned long long bytes = 0);
// The stream's number, in the order in which they were made; 0 for the default.
int stream_number(cudaStream_t stream);

// graph.cc
using Node = std::function<bool()>;  // false after a fault
// Records into the graph that the stream is being captured into, or runs at once.
cudaError_t enqueue(cudaStream_t stream, Node node);
bool capturing(cudaStream_t stream);
// An error when the calling thread may not allocate or wait now; ends the captures that forbid it.
cudaError_t forbidden_while_capturing();
// What is wrong with using a stream now: it does not exist, or belongs to another device than the
// current one.
cudaError_t stream_error(cudaStream_t stream);
int report_handles();
int report_graphs();
void forget_handles();
void forget_graphs();

}  // namespace neurode::emulator
