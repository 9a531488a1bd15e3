// Ends the process where other ranks keep it waiting for too long.
#include "native/distributed/watchdog.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "native/engine/error.h"

namespace neurode {

Watchdog::Watchdog() {
  start_thread("the watchdog of the ranks", [this] { watch(); }).detach();
}

std::int64_t Watchdog::now() {
  const auto time = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(time).count();
}

void Watchdog::watch() {
  for (;;) {
    const double limit = seconds_;
    std::this_thread::sleep_for(std::chrono::duration<double>(std::clamp(limit / 8, 0.05, 2.0)));
    const std::int64_t since = since_;
    if (since == 0 || static_cast<double>(now() - since) < limit * 1000) continue;
    std::fprintf(stderr,
                 "neurode: rank %d has waited %g seconds (timeoutSeconds) for the other ranks; one "
                 "of them hangs, or a host or the network is lost. Exit %d: start the job again\n",
                 rank_.load(), limit, kStartAgain);
    std::fflush(stderr);
    // Neither MPI_Abort nor handlers of exit() may run beside the thread that waits.
    std::_Exit(kStartAgain);
  }
}

}  // namespace neurode
