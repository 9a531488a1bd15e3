// How many threads of a team to work with, where other programs may keep cores busy.
#pragma once

#include <vector>

namespace neurode::cpu {

// Threads that meet at barriers are as slow as the one whose core another program has: on a busy
// machine one alone can be ten times as fast. Where many waits at barriers end in sleep for a
// while, fewer threads are tried, one alone where most do; a number that is faster twice, with the
// usual one in between, is kept. From there on more threads are tried again and again. Trials take
// a few hundredths of the time at most, and there are none while threads meet as they should.
class ThreadChoice {
 public:
  explicit ThreadChoice(int most);

  int threads() const { return levels_[level_].threads; }

  // Tells what threads() did, a step or several: an amount of work in any unit that is the same for
  // all, the time that it took, and the share of waits at barriers that ended in sleep.
  void record(double work, double seconds, double asleep);

 private:
  struct Level {
    int threads;
    double cost = 0;  // seconds for a unit of work, when last measured
  };
  bool is_trial() const { return level_ != home_; }
  void look_at_home(double asleep);
  void end_trial(double seconds);
  void begin_trial(double asleep);
  void settle(int level, double pause);

  std::vector<Level> levels_;  // from the most threads to one
  int level_ = 0;
  int home_ = 0;      // the level that is kept when a trial has not paid
  int rival_ = 0;     // the level that has been faster than home once, or home
  int restless_ = 0;  // looks at home, one after the other, in which many waits ended in sleep
  bool tried_fewer_ = false;
  double pause_ = 0, since_trial_ = 0;          // seconds
  double work_ = 0, seconds_ = 0, asleep_ = 0;  // since the last look; asleep weighted by time
};

}  // namespace neurode::cpu
