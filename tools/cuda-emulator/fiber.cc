// Fibers with a hand-written switch: the C library's swapcontext makes a system call at every
// switch.
#include "tools/cuda-emulator/fiber.h"

#include <pthread.h>
#include <sys/mman.h>

#include <cstdint>
#include <cstring>
#include <new>

#if defined(__SANITIZE_ADDRESS__)
#define NEURODE_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define NEURODE_ASAN 1
#endif
#endif
#ifdef NEURODE_ASAN
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

extern "C" void neurode_switch_stack(void** save, void* load);

#if defined(__x86_64__)
asm(R"(
  .text
  .p2align 4
  .hidden neurode_switch_stack
  .globl neurode_switch_stack
  .type neurode_switch_stack, @function
neurode_switch_stack:
  pushq %rbp
  pushq %rbx
  pushq %r12
  pushq %r13
  pushq %r14
  pushq %r15
  movq %rsp, (%rdi)
  movq %rsi, %rsp
  popq %r15
  popq %r14
  popq %r13
  popq %r12
  popq %rbx
  popq %rbp
  retq
  .size neurode_switch_stack, . - neurode_switch_stack
)");
#elif defined(__aarch64__)
asm(R"(
  .text
  .p2align 4
  .hidden neurode_switch_stack
  .globl neurode_switch_stack
  .type neurode_switch_stack, %function
neurode_switch_stack:
  sub sp, sp, #160
  stp x19, x20, [sp, #0]
  stp x21, x22, [sp, #16]
  stp x23, x24, [sp, #32]
  stp x25, x26, [sp, #48]
  stp x27, x28, [sp, #64]
  stp x29, x30, [sp, #80]
  stp d8, d9, [sp, #96]
  stp d10, d11, [sp, #112]
  stp d12, d13, [sp, #128]
  stp d14, d15, [sp, #144]
  mov x9, sp
  str x9, [x0]
  mov sp, x1
  ldp x19, x20, [sp, #0]
  ldp x21, x22, [sp, #16]
  ldp x23, x24, [sp, #32]
  ldp x25, x26, [sp, #48]
  ldp x27, x28, [sp, #64]
  ldp x29, x30, [sp, #80]
  ldp d8, d9, [sp, #96]
  ldp d10, d11, [sp, #112]
  ldp d12, d13, [sp, #128]
  ldp d14, d15, [sp, #144]
  add sp, sp, #160
  ret
  .size neurode_switch_stack, . - neurode_switch_stack
)");
#else
#error "The CUDA emulator switches stacks on x86-64 and arm64 only."
#endif

namespace neurode::emulator {

namespace {

constexpr std::size_t kPage = 65536;  // a multiple of the page size on both architectures
#ifdef NEURODE_ASAN
constexpr std::size_t kStackBytes = 4 * kPage;
#else
constexpr std::size_t kStackBytes = 2 * kPage;
#endif

}  // namespace

Fiber make_fiber() {
  void* memory = mmap(nullptr, kPage + kStackBytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  mprotect(memory, kPage, PROT_NONE);
  Fiber fiber;
  fiber.stack = static_cast<char*>(memory) + kPage;
  fiber.stack_bytes = kStackBytes;
  return fiber;
}

void reset_fiber(Fiber& fiber, int index, void (*entry)()) {
#ifdef NEURODE_ASAN
  ASAN_UNPOISON_MEMORY_REGION(fiber.stack, fiber.stack_bytes);
#endif
  char* top = fiber.stack + fiber.stack_bytes - (index * 5 % 64 + 1) * 64;
  auto** frame = reinterpret_cast<void**>(top);
#if defined(__x86_64__)
  // Six registers, the address of the entry, and a return address that is never used. The stack is
  // aligned as it is after a call.
  frame -= 8;
  std::memset(frame, 0, 8 * sizeof *frame);
  frame[6] = reinterpret_cast<void*>(entry);
#else
  frame -= 20;
  std::memset(frame, 0, 20 * sizeof *frame);
  frame[11] = reinterpret_cast<void*>(entry);
#endif
  fiber.stack_pointer = frame;
}

void switch_fiber(Fiber& from, Fiber& to) {
#ifdef NEURODE_ASAN
  void* fake_stack = nullptr;
  __sanitizer_start_switch_fiber(&fake_stack, to.stack, to.stack_bytes);
#endif
  neurode_switch_stack(&from.stack_pointer, to.stack_pointer);
#ifdef NEURODE_ASAN
  __sanitizer_finish_switch_fiber(fake_stack, nullptr, nullptr);
#endif
}

void entered_fiber() {
#ifdef NEURODE_ASAN
  __sanitizer_finish_switch_fiber(nullptr, nullptr, nullptr);
#endif
}

Fiber host_fiber() {
  thread_local Fiber host;
#ifdef NEURODE_ASAN
  if (host.stack == nullptr) {
    pthread_attr_t attributes;
    void* stack = nullptr;
    pthread_getattr_np(pthread_self(), &attributes);
    pthread_attr_getstack(&attributes, &stack, &host.stack_bytes);
    pthread_attr_destroy(&attributes);
    host.stack = static_cast<char*>(stack);
  }
#endif
  return host;
}

}  // namespace neurode::emulator
