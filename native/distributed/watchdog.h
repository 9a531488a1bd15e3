// Ends the process where other ranks keep it waiting for too long: MPI may wait for a lost host for
// ever.
#pragma once

#include <atomic>
#include <cstdint>

namespace neurode {

class Watchdog {
 public:
  // The exit status that says: start the job again (EX_TEMPFAIL of sysexits.h).
  static constexpr int kStartAgain = 75;

  // It is never destroyed: its thread looks at it as long as the process runs.
  Watchdog();
  Watchdog(const Watchdog&) = delete;

  void set_seconds(double seconds) { seconds_ = seconds; }
  void set_rank(int rank) { rank_ = rank; }

  // The time during which this process waits for others.
  class Wait {
   public:
    explicit Wait(Watchdog& watchdog) : watchdog_(watchdog) { watchdog.since_ = now(); }
    ~Wait() { watchdog_.since_ = 0; }

   private:
    Watchdog& watchdog_;
  };

 private:
  static std::int64_t now();  // milliseconds
  void watch();

  std::atomic<std::int64_t> since_{0};  // when the wait began; 0: none
  std::atomic<double> seconds_{600};
  std::atomic<int> rank_{-1};
};

}  // namespace neurode
