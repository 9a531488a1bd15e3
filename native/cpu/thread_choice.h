// How many threads of a team to work with, where other programs may keep cores busy.
#pragma once

#include <vector>

namespace neurode::cpu {

// Threads that meet at barriers are as slow as the one whose core another program has: on a busy
// machine one alone can be ten times as fast. As soon as many waits at barriers end in sleep, fewer
// threads are tried for a while, one alone where most do; the faster number is kept, and now and
// then the next larger one is tried again. Trials take a few hundredths of the time at most, and
// there are none while threads meet as they should.
class ThreadChoice {
 public:
  explicit ThreadChoice(int most);

  int threads() const { return levels_[level_].threads; }

  // Tells what threads() did: an amount of work in any unit that is the same for all, the time that
  // it took, and the share of waits at barriers that ended in sleep.
  void record(double work, double seconds, double asleep);

 private:
  struct Level {
    int threads;
    double cost = 0;  // seconds for a unit of work, when last measured
  };
  void end_trial(double seconds);
  void begin_trial(double asleep);

  std::vector<Level> levels_;  // from the most threads to one
  int level_ = 0;
  int home_ = 0;  // the level that is kept when a trial has not paid
  bool tried_fewer_ = false;
  double pause_ = 0, since_trial_ = 0;          // seconds
  double work_ = 0, seconds_ = 0, asleep_ = 0;  // since the last look; asleep weighted by time
};

}  // namespace neurode::cpu
