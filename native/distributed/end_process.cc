// Ends the process where it cannot go on. Only this file may print and exit.
#include "native/distributed/end_process.h"

#include <cstdio>
#include <cstdlib>

namespace neurode {

void report(const char* line) {
  std::fprintf(stderr, "neurode: %s\n", line);
  std::fflush(stderr);
}

void end_process(int status) { std::_Exit(status); }

}  // namespace neurode
