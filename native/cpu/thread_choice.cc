// How many threads of a team to work with, where other programs may keep cores busy.
#include "native/cpu/thread_choice.h"

#include <algorithm>

namespace neurode::cpu {
namespace {

constexpr double kLook = 0.03;  // seconds of work that tell what a number of threads brings
// Seconds between trials. A trial that fails doubles them; they are at least kPauseForTrial times
// what the trial took.
constexpr double kShortestPause = 0.2;
constexpr double kLongestPause = 3.0;
constexpr double kPauseForTrial = 16;
// Shares of waits that ended in sleep, from which on fewer threads, or one alone, are tried.
constexpr double kManyAsleep = 1.0 / 16;
constexpr double kMostAsleep = 1.0 / 2;
constexpr double kWorthChanging = 0.9;  // of the cost

}  // namespace

ThreadChoice::ThreadChoice(int most) {
  for (int threads = std::max(most, 1); threads > 1; threads = (threads + 1) / 2)
    levels_.push_back({threads});
  levels_.push_back({1});
}

void ThreadChoice::record(double work, double seconds, double asleep) {
  if (levels_.size() == 1) return;
  work_ += work;
  seconds_ += seconds;
  asleep_ += asleep * seconds;
  if (seconds_ < kLook || work_ <= 0) return;
  levels_[level_].cost = seconds_ / work_;
  if (level_ != home_) {
    end_trial(seconds_);
  } else {
    since_trial_ += seconds_;
    if (since_trial_ >= pause_) begin_trial(asleep_ / seconds_);
  }
  work_ = seconds_ = asleep_ = 0;
}

void ThreadChoice::end_trial(double seconds) {
  if (levels_[level_].cost < kWorthChanging * levels_[home_].cost) {
    home_ = level_;
    pause_ = kShortestPause;
  } else {
    level_ = home_;
    pause_ = std::clamp(2 * pause_, kShortestPause, kLongestPause);
  }
  pause_ = std::max(pause_, kPauseForTrial * seconds);
  since_trial_ = 0;
}

void ThreadChoice::begin_trial(double asleep) {
  const int fewest = static_cast<int>(levels_.size()) - 1;
  const bool can_be_fewer = level_ < fewest && asleep > kManyAsleep;
  const bool can_be_more = level_ > 0;
  if (!can_be_fewer && !can_be_more) return;
  tried_fewer_ = can_be_fewer && !(can_be_more && tried_fewer_);
  if (!tried_fewer_) {
    --level_;
  } else {
    level_ = asleep > kMostAsleep ? fewest : level_ + 1;
  }
}

}  // namespace neurode::cpu
