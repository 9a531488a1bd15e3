// Teams of threads, and the choice of the number of threads.
#include "native/cpu/threads.h"

#include <atomic>
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

}  // namespace
}  // namespace neurode
