// How many threads of a team to work with, where other programs may keep cores busy.
#include "native/cpu/thread_choice.h"

#include <algorithm>

namespace neurode::cpu {
namespace {

// Seconds of work that tell what a number of threads brings: the usual one, and one that is tried.
constexpr double kLook = 0.03;
constexpr double kTrial = 0.01;
// Seconds between trials. A trial that fails doubles them; they are at least kPauseForTrial times
// what the trial took.
constexpr double kShortestPause = 0.2;
constexpr double kLongestPause = 0.5;
constexpr double kPauseForTrial = 16;
// Shares of waits that ended in sleep, from which on fewer threads, or one alone, are tried, once
// as many looks have seen them: single ones come from moments that no choice could mend.
constexpr double kManyAsleep = 1.0 / 16;
constexpr double kMostAsleep = 1.0 / 2;
constexpr int kRestlessLooks = 3;
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
  const bool is_short = is_trial() || rival_ != home_;
  if (seconds_ < (is_short ? kTrial : kLook) || work_ <= 0) return;
  levels_[level_].cost = seconds_ / work_;
  if (is_trial()) {
    end_trial(seconds_);
  } else {
    look_at_home(asleep_ / seconds_);
  }
  work_ = seconds_ = asleep_ = 0;
}

void ThreadChoice::look_at_home(double asleep) {
  if (rival_ != home_) {
    level_ = rival_;
    return;
  }
  restless_ = asleep > kManyAsleep ? restless_ + 1 : 0;
  since_trial_ += seconds_;
  if (since_trial_ >= pause_) begin_trial(asleep);
}

void ThreadChoice::begin_trial(double asleep) {
  const int fewest = static_cast<int>(levels_.size()) - 1;
  const bool can_be_fewer = level_ < fewest && restless_ >= kRestlessLooks;
  const bool can_be_more = level_ > 0;
  if (!can_be_fewer && !can_be_more) return;
  tried_fewer_ = can_be_fewer && !(can_be_more && tried_fewer_);
  if (!tried_fewer_) {
    --level_;
  } else {
    level_ = asleep > kMostAsleep ? fewest : level_ + 1;
  }
}

void ThreadChoice::end_trial(double seconds) {
  const bool is_faster = levels_[level_].cost < kWorthChanging * levels_[home_].cost;
  const double at_least = kPauseForTrial * seconds;
  if (!is_faster)
    return settle(home_, std::max(std::clamp(2 * pause_, kShortestPause, kLongestPause), at_least));
  // More threads are the rule: what has given them up may be over, and the next step is tried at
  // once.
  if (level_ < home_) return settle(level_, 0);
  if (rival_ == level_) return settle(level_, std::max(kShortestPause, at_least));
  rival_ = level_;
  level_ = home_;
}

void ThreadChoice::settle(int level, double pause) {
  level_ = home_ = rival_ = level;
  pause_ = pause;
  since_trial_ = 0;
  restless_ = 0;
}

}  // namespace neurode::cpu
