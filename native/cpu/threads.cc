// A team of persistent threads that run the same function together and meet at barriers.
#include "native/cpu/threads.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "native/cpu/cgroup.h"
#include "native/cpu/system_files.h"
#include "native/engine/error.h"
#include "native/engine/flush_subnormals.h"

#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__) || defined(_M_X64)
#include <immintrin.h>
#endif

namespace neurode::cpu {
namespace {

// Rounds of spinning before a waiting thread sleeps. On idle cores the others come within
// microseconds; on busy ones the sleeper's core is what lets them run. So a wait that ends in sleep
// halves the rounds of the next, one that does not lengthens them, and now and then a long wait
// tells whether the cores are idle again.
constexpr int kFewestSpins = 500;
constexpr int kMostSpins = 5000;
constexpr unsigned kWaitsBetweenLongOnes = 32;

struct Patience {
  int spins = kMostSpins;
  unsigned waits = 0;

  int next() { return ++waits % kWaitsBetweenLongOnes == 0 ? kMostSpins : spins; }
  void was_enough(int limit) {
    spins = std::min(kMostSpins, std::max(spins, limit / 2) + spins / 8);
  }
  void was_too_short() { spins = std::max(kFewestSpins, spins / 2); }
};
thread_local Patience patience;

void relax() {
#if defined(__x86_64__) || defined(_M_X64)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

#if defined(__linux__)
// The processors that this thread may run on; none where the system does not say.
cpu_set_t affinity() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) CPU_ZERO(&allowed);
  return allowed;
}

int affinity_cores() {
  const cpu_set_t allowed = affinity();
  std::set<std::pair<std::string, std::string>>
      cores;  // (package, core): threads of one core share it
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (!CPU_ISSET(cpu, &allowed)) continue;
    const std::string topology = "/sys/devices/system/cpu/cpu" + std::to_string(cpu) + "/topology/";
    const std::string core = read_word(topology + "core_id");
    cores.emplace(read_word(topology + "physical_package_id"),
                  core.empty() ? std::to_string(cpu) : core);
  }
  return static_cast<int>(cores.size());
}
#endif

// So many as its affinity allows, unless that is 0, and no more than its control groups do.
int usable([[maybe_unused]] int allowed) {
  int count = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__linux__)
  if (allowed > 0) count = allowed;
  if (const int limit = cgroup_cores(); limit > 0) count = std::min(count, limit);
#endif
  return std::max(count, 1);
}

}  // namespace

#if defined(__linux__)
int usable_cores() { return usable(affinity_cores()); }
int usable_processors() {
  const cpu_set_t allowed = affinity();
  return usable(CPU_COUNT(&allowed));
}
#else
int usable_cores() { return usable(0); }
int usable_processors() { return usable(0); }
#endif

ThreadTeam::ThreadTeam(int size) : size_(std::max(size, 1)) {
  threads_.reserve(size_ - 1);
  const std::string what = "threads: " + std::to_string(size_);
  try {
    for (int i = 1; i < size_; ++i)
      threads_.push_back(start_thread(what.c_str(), [this, i] { work(i); }));
  } catch (...) {
    stop();
    throw;
  }
}

ThreadTeam::~ThreadTeam() { stop(); }

void ThreadTeam::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  start_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void ThreadTeam::run(int threads, const std::function<void(int)>& body) {
  if (threads == 1) return body(0);
  const std::lock_guard turn(turn_);
  run_now(threads, body);
}

bool ThreadTeam::try_run(int threads, const std::function<void(int)>& body) {
  const std::unique_lock turn(turn_, std::try_to_lock);
  if (!turn) return false;
  run_now(threads, body);
  return true;
}

void ThreadTeam::share(int threads, const std::function<void(int)>& body) {
  if (threads == 1) return body(0);
  const std::lock_guard turn(turn_);
  share_now(threads, body);
}

bool ThreadTeam::try_share(int threads, const std::function<void(int)>& body) {
  const std::unique_lock turn(turn_, std::try_to_lock);
  if (!turn) return false;
  share_now(threads, body);
  return true;
}

void ThreadTeam::begin(int threads, const std::function<void(int)>& body, bool is_shared) {
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    running_ = threads;
    is_shared_ = is_shared;
    ++runs_;
  }
  start_.notify_all();
}

void ThreadTeam::run_now(int threads, const std::function<void(int)>& body) {
  begin(threads, body, false);
  work_on(body, 0);
  barrier();
  throw_failure();
}

void ThreadTeam::share_now(int threads, const std::function<void(int)>& body) {
  begin(threads, body, true);
  work_on(body, 0);
  {
    const std::lock_guard lock(mutex_);
    body_ = nullptr;
  }
  wait_for_helpers();
  throw_failure();
}

void ThreadTeam::wait_for_helpers() {
  for (int spins = 0; spins < kMostSpins; ++spins) {
    if (helpers_.load(std::memory_order_acquire) == 0) return;
    relax();
  }
  for (int left; (left = helpers_.load(std::memory_order_acquire)) > 0;)
    helpers_.wait(left, std::memory_order_acquire);
}

void ThreadTeam::throw_failure() {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

// The caller throws what a body has thrown, once all threads are done.
void ThreadTeam::work_on(const std::function<void(int)>& body, int thread) {
  try {
    body(thread);
  } catch (...) {
    const std::lock_guard lock(mutex_);
    if (!failure_) failure_ = std::current_exception();
  }
}

void ThreadTeam::work(int thread) {
  const FlushSubnormals flush;
  for (std::uint64_t seen = 0;;) {
    const std::function<void(int)>* body;
    bool is_shared;
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || (runs_ != seen && thread < running_); });
      if (stopping_) return;
      seen = runs_;
      body = body_;
      if (body == nullptr) continue;
      is_shared = is_shared_;
      if (is_shared) helpers_.fetch_add(1, std::memory_order_relaxed);
    }
    work_on(*body, thread);
    if (!is_shared) {
      barrier();
    } else if (helpers_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
      helpers_.notify_one();
    }
  }
}

void ThreadTeam::barrier() {
  const std::uint32_t phase = phase_.load(std::memory_order_relaxed);
  // Reads running_ before it arrives: afterwards the others may leave, and begin another run.
  const int last = running_ - 1;
  if (waiting_.fetch_add(1, std::memory_order_acq_rel) == last) {
    waiting_.store(0, std::memory_order_relaxed);
    // Sequentially consistent: notify_all must not look for sleepers before the new phase is
    // visible.
    phase_.store(phase + 1, std::memory_order_seq_cst);
    phase_.notify_all();
    return;
  }
  const int limit = patience.next();
  for (int spins = 0; spins < limit; ++spins) {
    if (phase_.load(std::memory_order_acquire) != phase) return patience.was_enough(limit);
    relax();
  }
  patience.was_too_short();
  sleeps_.fetch_add(1, std::memory_order_relaxed);
  phase_.wait(phase, std::memory_order_acquire);
}

}  // namespace neurode::cpu
