// Shared memory: fills it with NaN before every block, and guards the end of the dynamic part.
#include <sys/mman.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <new>

#include "tools/cuda-emulator/state.h"

namespace neurode::emulator {

char* dynamic_shared_memory = nullptr;

// The shared variables that a kernel writes. The kernel's own variables are found by their symbols;
// those of the functions that it calls are found by comparing memory after a block.
struct KernelUse {
  std::vector<int> variables;
  std::size_t dynamic_limit = 0;  // 0: the kernel has not set it
  unsigned launches = 0;
};

namespace {

constexpr std::size_t kPage = 65536, kGuard = 64;
constexpr unsigned char kGuardByte = 0xa5;

// Whether all shared variables of this thread hold NaN, except those that the running block wrote.
thread_local bool clean = false;

char* dynamic_end() {
  static char* const end = [] {
    void* memory = mmap(nullptr, kSharedOptinLimit + 2 * kPage, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED) throw std::bad_alloc();
    char* last = static_cast<char*>(memory) + kSharedOptinLimit + kPage;
    mprotect(last, kPage, PROT_NONE);
    return last;
  }();
  return end;
}

bool all_bytes(const char* data, std::size_t bytes, unsigned char value) {
  return bytes == 0 || (static_cast<unsigned char>(*data) == value &&
                        std::memcmp(data, data + 1, bytes - 1) == 0);
}

void fill(int variable) {
  const SharedVariable& v = shared_variables()[variable];
  std::memset(thread_local_block() + v.offset, kPoison, v.bytes);
}

KernelUse& kernel_use(const void* kernel) {
  static std::map<const void*, KernelUse> uses;
  const auto [entry, is_new] = uses.try_emplace(kernel);
  if (is_new) {
    const std::string symbol = kernel_symbol(kernel);
    if (symbol.size() > 2) {
      const std::string prefix = "_ZZ" + symbol.substr(2) + "E";
      for (int i = 0; i < int(shared_variables().size()); ++i) {
        if (shared_variables()[i].symbol.starts_with(prefix)) entry->second.variables.push_back(i);
      }
    }
  }
  return entry->second;
}

}  // namespace

SharedMemory::SharedMemory(const void* kernel, std::size_t dynamic_bytes)
    : use_(kernel_use(kernel)), dynamic_bytes_((dynamic_bytes + 15) / 16 * 16) {
  // Comparing all variables of the library takes longer than a small kernel, so few launches do it.
  learns_ = use_.launches < 4 || use_.launches % 64 == 0;
  ++use_.launches;
  if (!clean) {
    for (int i = 0; i < int(shared_variables().size()); ++i) fill(i);
    clean = true;
  }
  dynamic_shared_memory = dynamic_end() - dynamic_bytes_ - (guard_pages() ? 0 : kGuard);
  std::memset(dynamic_shared_memory, kPoison, dynamic_bytes_);
  if (!guard_pages()) std::memset(dynamic_shared_memory + dynamic_bytes_, kGuardByte, kGuard);
}

bool SharedMemory::guards_whole() const {
  return guard_pages() || all_bytes(dynamic_shared_memory + dynamic_bytes_, kGuard, kGuardByte);
}

void SharedMemory::end_block(bool last) {
  std::memset(dynamic_shared_memory, kPoison, dynamic_bytes_);
  for (const int variable : use_.variables) fill(variable);
  if (!learns_ || (++blocks_ > 4 && !last)) return;
  const auto& all = shared_variables();
  for (int i = 0; i < int(all.size()); ++i) {
    if (all_bytes(thread_local_block() + all[i].offset, all[i].bytes, kPoison)) continue;
    use_.variables.push_back(i);
    fill(i);
  }
}

bool in_shared_guard(const void* address) {
  return address >= dynamic_end() && address < dynamic_end() + kPage;
}

std::size_t static_shared_bytes(const void* kernel) {
  std::size_t bytes = 0;
  for (const int variable : kernel_use(kernel).variables)
    bytes += shared_variables()[variable].bytes;
  return bytes;
}

std::size_t& dynamic_shared_limit(const void* kernel) { return kernel_use(kernel).dynamic_limit; }

}  // namespace neurode::emulator
