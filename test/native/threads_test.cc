// Teams of threads, and the choice of the number of threads.
#include "native/cpu/threads.h"

#include <algorithm>
#include <atomic>
#include <random>
#include <stdexcept>
#include <thread>
#include <vector>

#include "native/cpu/thread_choice.h"
#include "test/native/check.h"

namespace neurode {
namespace {

// The threads of each run meet at every barrier, for any number of threads.
TEST_CASE("teams run on some of their threads") {
  cpu::ThreadTeam team(5);
  for (int run = 0; run < 300; ++run) {
    const int threads = 1 + run * 7 % 5;
    std::vector<int> passes(threads);
    std::atomic<int> early{0};
    team.run(threads, [&](int thread) {
      for (int pass = 1; pass <= 20; ++pass) {
        passes[thread] = pass;
        if (threads > 1) team.barrier();
        for (const int other : passes) early += other != pass;
        if (threads > 1) team.barrier();
      }
    });
    CHECK_THAT(early == 0, "a run of %d threads left a barrier early", threads);
  }
}

// Callers on several threads take turns. try_run does not wait while the team belongs to another
// caller.
TEST_CASE("teams are shared") {
  cpu::ThreadTeam team(3);
  std::atomic<int> inside{0}, together{0}, ran{0};
  const auto body = [&](int thread) {
    if (thread == 0) together += inside.fetch_add(1) != 0;
    team.barrier();
    if (thread == 0) --inside;
    ++ran;
  };
  int tried = 0, refused = 0;
  {
    std::jthread other([&] {
      for (int run = 0; run < 500; ++run) team.run(3, body);
    });
    for (; tried < 500; ++tried) refused += !team.try_run(2, body);
  }
  CHECK_THAT(together == 0, "%d runs at the same time", together.load());
  CHECK_THAT(ran == 3 * 500 + 2 * (tried - refused), "%d bodies ran", ran.load());
}

// Simulates `seconds` of work on a machine where `threads` threads do a unit of work in
// cost(threads) seconds, and where the share `asleep` of their waits ends in sleep. Returns the
// seconds that the work would have taken with the best number of threads.
template <class Cost>
double work_with(cpu::ThreadChoice& choice, double seconds, double asleep, int best, Cost cost) {
  double work = 0;
  for (double spent = 0; spent < seconds;) {
    const int threads = choice.threads();
    const double taken = 100 * cost(threads);
    choice.record(100, taken, threads == 1 ? 0 : asleep);
    spent += taken;
    work += 100;
  }
  return work * cost(best);
}

TEST_CASE("shared work is done by whoever comes") {
  cpu::ThreadTeam team(4);
  for (int i = 0; i < 2000; ++i) {
    // What is gone with the caller's turn: threads that come late must not touch it.
    std::vector<int> items(64, 0);
    std::atomic<int> next{0};
    const auto work = [&](int) {
      for (int item; (item = next.fetch_add(1)) < 64;) ++items[item];
    };
    if (i % 2 == 0) {
      team.share(2 + i % 3, work);
    } else {
      CHECK(team.try_share(2 + i % 3, work));
    }
    CHECK(std::count(items.begin(), items.end(), 1) == 64);
    if (i % 10 > 0) continue;
    std::atomic<int> met{0};
    team.run(4, [&](int) { ++met; });
    CHECK(met == 4);
  }
  CHECK_THROWS_AS(team.share(4,
                             [](int thread) {
                               if (thread == 0) throw std::runtime_error("thrown");
                             }),
                  std::runtime_error);
}

TEST_CASE("threads are as many as pay") {
  const auto idle = [](int threads) { return 1e-4 / threads; };
  const auto busy = [](int threads) { return threads == 1 ? 2e-4 : 1e-3; };
  const auto half = [](int threads) { return threads > 4 ? 2e-3 : 1e-4 / threads; };
  for (const int most : {2, 3, 8}) {
    cpu::ThreadChoice choice(most);
    CHECK_THAT(choice.threads() == most, "%d threads at first", choice.threads());
    CHECK(work_with(choice, 1, 0, most, idle) > 0.999);
    CHECK(work_with(choice, 10, 1, 1, busy) > 9);
    CHECK(work_with(choice, 60, 0, most, idle) > 50);
    CHECK_THAT(choice.threads() == most, "%d of %d threads on idle cores", choice.threads(), most);
  }
  cpu::ThreadChoice choice(8);
  CHECK(work_with(choice, 60, 0.3, 4, half) > 50);
}

TEST_CASE("single moments in which threads sleep change nothing") {
  cpu::ThreadChoice choice(2);
  for (int look = 0; look < 1000; ++look) {
    choice.record(300, 0.03, look % 3 == 0 ? 0 : 1);
    CHECK_THAT(choice.threads() == 2, "%d threads after %d looks", choice.threads(), look);
  }
}

TEST_CASE("all threads are back soon after a disturbance") {
  const auto idle = [](int threads) { return 1e-5 / threads; };
  const auto busy = [](int threads) { return threads == 1 ? 2e-5 : 1e-4; };
  for (const int most : {2, 8, 64}) {
    cpu::ThreadChoice choice(most);
    work_with(choice, 10, 1, 1, busy);
    CHECK_THAT(choice.threads() == 1, "%d threads on busy cores", choice.threads());
    work_with(choice, 1, 0, most, idle);
    CHECK_THAT(choice.threads() == most, "%d of %d threads", choice.threads(), most);
  }
}

// A machine with two cores, by a clock of its own. One of them is at times another program's; at
// any time steps may take longer and waits may end in sleep.
class NoisyMachine {
 public:
  explicit NoisyMachine(unsigned seed) : random_(seed) {
    for (double at = between(0.5, 3); at < kSeconds; at += between(0.5, 3)) {
      borders_.push_back(at);
    }
  }

  // The longest time, in seconds, in which a choice did less than 0.9 of what the best number of
  // threads would have done.
  double longest_loss() {
    cpu::ThreadChoice choice(2);
    double longest = 0, loss = 0, spent = 0, best = 0;
    for (double now = 0; now < kSeconds;) {
      const bool is_busy =
          std::upper_bound(borders_.begin(), borders_.end(), now) - borders_.begin() & 1;
      const double noise = between(0, 1) < 0.1 ? between(1, 3) : between(0.95, 1.05);
      const double one = (is_busy ? 1.3e-4 : 1e-4) * noise, two = (is_busy ? 4e-4 : 5e-5) * noise;
      const double taken = choice.threads() == 1 ? one : two;
      const double asleep = is_busy ? between(0.5, 1) : between(0, 1) < 0.05 ? 1 : 0;
      choice.record(1, taken, choice.threads() == 1 ? 0 : asleep);
      now += taken;
      spent += taken;
      best += std::min(one, two);
      if (spent < kBucket) continue;
      loss = best < 0.9 * spent ? loss + spent : 0;
      longest = std::max(longest, loss);
      spent = best = 0;
    }
    return longest;
  }

 private:
  static constexpr double kSeconds = 20, kBucket = 0.2;

  double between(double least, double most) {
    return std::uniform_real_distribution<double>(least, most)(random_);
  }

  std::mt19937 random_;
  std::vector<double> borders_;  // between times in which both cores are free and others
};

TEST_CASE("no choice is a bad one for longer than a second") {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const double longest = NoisyMachine(seed).longest_loss();
    CHECK_THAT(longest <= 1, "run %u: %.2f seconds", seed, longest);
  }
}

}  // namespace
}  // namespace neurode
