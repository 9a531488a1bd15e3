// Guard pages: an access to a page without access prints the kernel, block and thread, and ends the
// process.
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "tools/cuda-emulator/state.h"

namespace neurode::emulator {

namespace {

struct sigaction previous_action;

void on_wrong_access(int signal_number, siginfo_t* info, void*) {
  const std::string thread = running_thread();
  const std::string what = describe_address(info->si_addr);
  if (thread.empty() && what.empty()) {
    sigaction(SIGSEGV, &previous_action, nullptr);
    return;
  }
  (void)signal_number;
  ++counters.faults;
  std::fprintf(stderr, "CUDA emulator: %s: access to %p, %s\n",
               thread.empty() ? "host code" : thread.c_str(), info->si_addr,
               what.empty() ? "which belongs to no allocation" : what.c_str());
  std::fflush(stderr);
  _exit(kExitStatus);
}

}  // namespace

bool guard_pages() {
  static const bool on = environment_number("NEURODE_EMULATOR_GUARD", 0) != 0;
  return on;
}

bool guard_starts() {
  static const bool on = environment_number("NEURODE_EMULATOR_GUARD", 0) == 2;
  return on;
}

void trap_wrong_accesses() {
  if (!guard_pages()) return;
  static const bool installed = [] {
    struct sigaction action {};
    action.sa_sigaction = on_wrong_access;
    action.sa_flags = SA_SIGINFO | SA_ONSTACK;
    return sigaction(SIGSEGV, &action, &previous_action) == 0;
  }();
  // The signal handler needs its own stack, because the fault may be an overflow of a thread's
  // stack.
  thread_local const bool has_stack = [] {
    constexpr std::size_t kBytes = 256 << 10;
    stack_t stack{};
    stack.ss_sp = std::malloc(kBytes);
    stack.ss_size = kBytes;
    return stack.ss_sp != nullptr && sigaltstack(&stack, nullptr) == 0;
  }();
  (void)installed;
  (void)has_stack;
}

}  // namespace neurode::emulator
