// Fibers: stacks, and the switch between stacks.
#pragma once

#include <cstddef>

namespace neurode::emulator {

// A stack that can be left and entered again.
struct Fiber {
  void* stack_pointer = nullptr;
  char* stack = nullptr;  // the lowest address of the stack
  std::size_t stack_bytes = 0;
};

// Makes a fiber with its own stack. The page below the stack is without access.
Fiber make_fiber();

// Makes a fiber for the calling thread's own stack.
Fiber host_fiber();

// Makes `fiber` start at `entry` when it is entered next, and discards the contents of its stack.
// `entry` must never return. `index` offsets the top of the stack, so that the stacks use different
// cache sets.
void reset_fiber(Fiber& fiber, int index, void (*entry)());

// Leaves `from` and enters `to`. Returns when another fiber enters `from` again.
void switch_fiber(Fiber& from, Fiber& to);

// Must be the first call in a fiber's entry.
void entered_fiber();

}  // namespace neurode::emulator
