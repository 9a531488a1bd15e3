// Device memory and page-locked memory: guard words around every allocation, NaN in new
// allocations, bounds checks for copies, and leaks.
#include <sys/mman.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <map>
#include <memory>
#include <thread>
#include <vector>

#include "tools/cuda-emulator/state.h"

using namespace neurode::emulator;

namespace neurode::emulator {

namespace {

constexpr std::size_t kAlignment = 256, kGuard = 256, kPage = 65536;
constexpr unsigned char kGuardByte = 0xa5;
constexpr std::size_t kQuarantine = 256;

struct Memory {
  std::map<std::uintptr_t, Allocation> live;
  std::deque<std::pair<std::uintptr_t, Allocation>> freed;  // without access; only with guard pages
  std::size_t device_bytes[kMostDevices] = {};
};

// Never destroyed: the report at exit needs it.
Memory& memory() {
  static Memory& instance = *new Memory;
  return instance;
}

std::size_t device_limit() {
  static const std::size_t bytes = environment_number("NEURODE_EMULATOR_MEMORY", 16ull << 30);
  return bytes;
}

std::size_t round_up(std::size_t bytes, std::size_t multiple) {
  return (bytes + multiple - 1) / multiple * multiple;
}

std::uintptr_t key(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

void add_guard_bytes(Allocation& allocation, char* begin, char* end) {
  if (begin >= end) return;
  std::memset(begin, kGuardByte, std::size_t(end - begin));
  allocation.guards.emplace_back(begin, std::size_t(end - begin));
}

char* allocate(std::size_t bytes, bool device, cudaMemPool_t pool) {
  Allocation allocation{bytes, device, false, current_device(), nullptr, 0, {}, pool};
  char* begin;
  if (guard_pages()) {
    trap_wrong_accesses();
    const std::size_t usable = round_up(bytes, kPage);
    allocation.mapped = usable + 2 * kPage;
    void* mapping = mmap(nullptr, allocation.mapped, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mapping == MAP_FAILED) return nullptr;
    allocation.mapping = static_cast<char*>(mapping);
    char* first = allocation.mapping + kPage;
    mprotect(first, usable, PROT_READ | PROT_WRITE);
    // Vector loads need 16 bytes of alignment, so the page without access begins up to 15 bytes
    // after the end. Those bytes have only guard words.
    begin = guard_starts() ? first : first + usable - round_up(bytes, 16);
    add_guard_bytes(allocation, std::max(first, begin - kGuard), begin);
    add_guard_bytes(allocation, begin + bytes, std::min(first + usable, begin + bytes + kGuard));
  } else {
    allocation.mapped = round_up(bytes, kAlignment) + 2 * kGuard;
    allocation.mapping = static_cast<char*>(std::aligned_alloc(kAlignment, allocation.mapped));
    if (allocation.mapping == nullptr) return nullptr;
    begin = allocation.mapping + kGuard;
    add_guard_bytes(allocation, allocation.mapping, begin);
    add_guard_bytes(allocation, begin + bytes, allocation.mapping + allocation.mapped);
  }
  std::memset(begin, kPoison, bytes);
  if (device) memory().device_bytes[allocation.owner] += bytes;
  memory().live.emplace(key(begin), std::move(allocation));
  return begin;
}

void unmap(Allocation& allocation) { munmap(allocation.mapping, allocation.mapped); }

void release(std::map<std::uintptr_t, Allocation>::iterator found) {
  Allocation& allocation = found->second;
  Memory& m = memory();
  if (allocation.device) m.device_bytes[allocation.owner] -= allocation.bytes;
  if (allocation.registered) {
    m.live.erase(found);
    return;
  }
  if (guard_pages()) {
    mprotect(allocation.mapping, allocation.mapped, PROT_NONE);
    m.freed.emplace_back(found->first, std::move(allocation));
    if (m.freed.size() > kQuarantine) {
      unmap(m.freed.front().second);
      m.freed.pop_front();
    }
  } else {
    std::memset(allocation.mapping, kPoison, allocation.mapped);
    std::free(allocation.mapping);
  }
  m.live.erase(found);
}

std::string kind_of(const Allocation& allocation) {
  if (!allocation.device) return "page-locked host";
  return allocation.owner == current_device() ? "device"
                                              : "cuda:" + std::to_string(allocation.owner);
}

// Reads from a variable which requests fail, such as "5" or "5-7". Requests are counted from the
// time the variable got its value, so a running program may set it.
struct Doom {
  const char* variable;
  std::string value;
  unsigned long long count = 0, first = 0, last = 0;

  explicit Doom(const char* variable) : variable(variable) {}

  bool takes_next() {
    const char* const now = std::getenv(variable);
    if (value != (now == nullptr ? "" : now)) {
      value = now == nullptr ? "" : now;
      const std::size_t dash = value.find('-');
      count = 0;
      first = std::strtoull(value.c_str(), nullptr, 10);
      last =
          dash == std::string::npos ? first : std::strtoull(value.c_str() + dash + 1, nullptr, 10);
    }
    ++count;
    return first <= count && count <= last;
  }
};

bool is_doomed(bool device) {
  static Doom pinned("NEURODE_EMULATOR_FAIL_PINNED"), memory("NEURODE_EMULATOR_FAIL_MEMORY");
  return (device ? memory : pinned).takes_next();
}

void take_time_to_free() {
  static const auto milliseconds = environment_number("NEURODE_EMULATOR_FREE_MS", 0);
  if (milliseconds > 0) std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds));
}

// Memory can be freed after a sticky error too, as in a real context, so that it is not reported as
// a leak.
cudaError_t free_call(void* pointer, bool device) {
  const Lock lock(device_mutex());
  const cudaError_t error = device_error();
  if (pointer == nullptr) return error == cudaSuccess ? error : fail(error);
  const auto found = memory().live.find(key(pointer));
  const bool is_one =
      found != memory().live.end() && found->second.device == device && !found->second.registered;
  if (is_one && device) is_foreign(found->second.owner, "memory");
  if (!is_one) {
    complain(std::string(device ? "cudaFree" : "cudaFreeHost") +
             " of a pointer that no such allocation begins at (freed twice?)");
    return fail(error != cudaSuccess ? error : cudaErrorInvalidValue);
  }
  if (error == cudaSuccess) check_guards("free");
  release(found);
  return error == cudaSuccess ? device_error() : fail(error);
}

}  // namespace

const Allocation* find_allocation(const void* pointer, char** begin) {
  Memory& m = memory();
  auto found = m.live.upper_bound(key(pointer));
  if (found == m.live.begin()) return nullptr;
  --found;
  if (key(pointer) - found->first >= found->second.bytes) return nullptr;
  *begin = reinterpret_cast<char*>(found->first);
  return &found->second;
}

bool accessible(const void* pointer, std::size_t bytes, bool device) {
  if (pointer == nullptr) return bytes == 0;
  char* begin = nullptr;
  const Allocation* allocation = find_allocation(pointer, &begin);
  if (allocation == nullptr) return !device;
  const std::size_t offset = key(pointer) - key(begin);
  if (allocation->device && device && is_foreign(allocation->owner, "memory")) return false;
  return allocation->device == device && bytes <= allocation->bytes - offset;
}

void check_guards(const char* where, const void* kernel) {
  for (auto& [address, allocation] : memory().live) {
    for (const auto& [guard, bytes] : allocation.guards) {
      const auto* data = reinterpret_cast<const unsigned char*>(guard);
      if (*data == kGuardByte && std::memcmp(data, data + 1, bytes - 1) == 0) continue;
      std::size_t first = 0;
      while (data[first] == kGuardByte) ++first;
      const std::intptr_t offset = std::intptr_t(key(guard) + first) - std::intptr_t(address);
      const std::string who = where + (kernel == nullptr ? "" : kernel_name(kernel));
      fault(cudaErrorIllegalAddress, who + ": a write at byte " + std::to_string(offset) +
                                         " of a " + kind_of(allocation) + " allocation of " +
                                         std::to_string(allocation.bytes) +
                                         " bytes, which is no part of it");
      std::memset(guard, kGuardByte, bytes);
    }
  }
}

int report_allocations() {
  for (const auto& [address, allocation] : memory().live) {
    std::fprintf(stderr, "CUDA emulator: leak: %zu bytes of %s memory\n", allocation.bytes,
                 kind_of(allocation).c_str());
  }
  return int(memory().live.size());
}

void free_everything() {
  while (!memory().live.empty()) release(memory().live.begin());
}

namespace {

void protect_other_devices(int protection) {
  if (device_count() == 1 || !guard_pages()) return;
  for (const auto& [address, allocation] : memory().live) {
    if (allocation.device && allocation.owner != current_device())
      mprotect(allocation.mapping + kPage, allocation.mapped - 2 * kPage, protection);
  }
}

}  // namespace

OtherDevicesHidden::OtherDevicesHidden() { protect_other_devices(PROT_NONE); }
OtherDevicesHidden::~OtherDevicesHidden() { protect_other_devices(PROT_READ | PROT_WRITE); }

cudaError_t allocate_call(void** pointer, std::size_t bytes, bool device, cudaMemPool_t pool) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (pointer == nullptr) return fail(cudaErrorInvalidValue);
  *pointer = nullptr;
  if (bytes == 0) return cudaSuccess;
  const std::size_t taken = memory().device_bytes[current_device()];
  const bool fits = !device || (bytes <= device_limit() && taken <= device_limit() - bytes);
  if (is_doomed(device) || !fits) return fail(cudaErrorMemoryAllocation);
  ++counters.allocations;
  counters.kernels_at_last_allocation = counters.kernels;
  *pointer = allocate(bytes, device, pool);
  return *pointer == nullptr ? fail(cudaErrorMemoryAllocation) : cudaSuccess;
}

bool is_in_use(cudaMemPool_t pool) {
  const auto is_of_it = [&](const auto& entry) { return entry.second.pool == pool; };
  return std::any_of(memory().live.begin(), memory().live.end(), is_of_it);
}

std::string describe_address(const void* address) {
  const auto within = [&](const std::pair<const std::uintptr_t, Allocation>& entry) {
    const Allocation& a = entry.second;
    return key(address) >= key(a.mapping) && key(address) < key(a.mapping) + a.mapped;
  };
  const auto text = [&](std::uintptr_t begin, const Allocation& a, const char* state) {
    return "byte " + std::to_string(std::intptr_t(key(address)) - std::intptr_t(begin)) + " of " +
           state + " " + kind_of(a) + " allocation of " + std::to_string(a.bytes) + " bytes";
  };
  if (in_shared_guard(address)) return "past the end of the dynamic shared memory";
  for (const auto& entry : memory().live) {
    if (within(entry)) return text(entry.first, entry.second, "a");
  }
  for (const auto& [begin, allocation] : memory().freed) {
    if (within({begin, allocation})) return text(begin, allocation, "a freed");
  }
  return "";
}

void add_guard(void* gap, std::size_t bytes) {
  const Lock lock(device_mutex());
  char* begin = nullptr;
  if (bytes == 0 || !accessible(gap, bytes, true)) return;
  find_allocation(gap, &begin);
  char* first = static_cast<char*>(gap);
  add_guard_bytes(memory().live.find(key(begin))->second, first, first + bytes);
}

}  // namespace neurode::emulator

cudaError_t cudaMalloc(void** pointer, std::size_t bytes) {
  if (const cudaError_t error = forbidden_while_capturing()) return fail(error);
  return allocate_call(pointer, bytes, true);
}

cudaError_t cudaFree(void* pointer) {
  take_time_to_free();
  if (const cudaError_t error = forbidden_while_capturing()) return fail(error);
  return free_call(pointer, true);
}

cudaError_t cudaMallocAsync(void** pointer, std::size_t bytes, cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  if (capturing(stream)) return fail(cudaErrorStreamCaptureUnsupported);
  return allocate_call(pointer, bytes, true);
}

cudaError_t cudaFreeAsync(void* pointer, cudaStream_t stream) {
  take_time_to_free();
  const Lock lock(device_mutex());
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  if (capturing(stream)) return fail(cudaErrorStreamCaptureUnsupported);
  return free_call(pointer, true);
}

cudaError_t cudaMallocHost(void** pointer, std::size_t bytes, unsigned) {
  if (const cudaError_t error = forbidden_while_capturing()) return fail(error);
  return allocate_call(pointer, bytes, false);
}

cudaError_t cudaHostAlloc(void** pointer, std::size_t bytes, unsigned flags) {
  return cudaMallocHost(pointer, bytes, flags);
}

cudaError_t cudaFreeHost(void* pointer) {
  if (const cudaError_t error = forbidden_while_capturing()) return fail(error);
  return free_call(pointer, false);
}

cudaError_t cudaHostRegister(void* pointer, std::size_t bytes, unsigned) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (pointer == nullptr || bytes == 0) return fail(cudaErrorInvalidValue);
  char* begin = nullptr;
  if (find_allocation(pointer, &begin) != nullptr)
    return fail(cudaErrorHostMemoryAlreadyRegistered);
  memory().live.emplace(key(pointer), Allocation{bytes, false, true, 0, nullptr, 0, {}, nullptr});
  return cudaSuccess;
}

cudaError_t cudaHostUnregister(void* pointer) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  const auto found = memory().live.find(key(pointer));
  if (found == memory().live.end() || !found->second.registered)
    return fail(cudaErrorHostMemoryNotRegistered);
  release(found);
  return cudaSuccess;
}

cudaError_t cudaMemGetInfo(std::size_t* free, std::size_t* total) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (free == nullptr || total == nullptr) return fail(cudaErrorInvalidValue);
  *total = device_limit();
  *free = device_limit() - memory().device_bytes[current_device()];
  return cudaSuccess;
}

cudaError_t cudaPointerGetAttributes(cudaPointerAttributes* attributes, const void* pointer) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (attributes == nullptr) return fail(cudaErrorInvalidValue);
  char* begin = nullptr;
  const Allocation* allocation = find_allocation(pointer, &begin);
  void* address = const_cast<void*>(pointer);
  *attributes = {cudaMemoryTypeUnregistered, -1, nullptr, address};
  if (allocation != nullptr && allocation->device)
    *attributes = {cudaMemoryTypeDevice, allocation->owner, address, nullptr};
  if (allocation != nullptr && !allocation->device)
    *attributes = {cudaMemoryTypeHost, 0, address, address};
  return cudaSuccess;
}
