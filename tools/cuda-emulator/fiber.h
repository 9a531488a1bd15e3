// Stacks and the switch between them.
#pragma once

#include <cstddef>

namespace neurode::emulator {

// A stack that can be left and entered again.
struct Fiber {
  void* stack_pointer = nullptr;
  char* stack = nullptr;  // its lowest address
  std::size_t stack_bytes = 0;
};

// A fiber with its own stack, below it a page without access.
Fiber make_fiber();

// The calling thread's own stack.
Fiber host_fiber();

// Makes `fiber` start at `entry`, which never returns, when it is next entered; forgets what is on
// its stack. `index` staggers the stacks' tops over the sets of the cache.
void reset_fiber(Fiber& fiber, int index, void (*entry)());

// Leaves `from` and enters `to`; returns when somebody enters `from` again.
void switch_fiber(Fiber& from, Fiber& to);

// First thing in a fiber's entry.
void entered_fiber();

}  // namespace neurode::emulator
