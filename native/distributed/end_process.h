// Ends the process where it cannot go on: other ranks wait for it, or it waits for them.
#pragma once

namespace neurode {

// Writes a line to the standard error output.
void report(const char* line);

// Ends the process at once, without what other threads could still need.
[[noreturn]] void end_process(int status);

}  // namespace neurode
