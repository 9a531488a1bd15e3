// Ends the process where other ranks keep it waiting for too long.
#include "native/distributed/watchdog.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "native/distributed/end_process.h"
#include "native/engine/error.h"
#include "native/engine/number_text.h"

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
    const std::string line =
        "rank " + std::to_string(rank_) + " has waited " + number_text(limit) +
        " seconds (timeoutSeconds) for the other ranks; one of them hangs, or a host or the "
        "network is lost. Exit " +
        std::to_string(kStartAgain) + ": start the job again";
    report(line.c_str());
    // Neither MPI_Abort nor handlers of exit() may run beside the thread that waits.
    end_process(kStartAgain);
  }
}

}  // namespace neurode
