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
int affinity_cores() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof(allowed), &allowed) != 0) return 0;
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

}  // namespace

int usable_cores() {
  int cores = static_cast<int>(std::thread::hardware_concurrency());
#if defined(__linux__)
  if (const int allowed = affinity_cores(); allowed > 0) cores = allowed;
  if (const int limit = cgroup_cores(); limit > 0) cores = std::min(cores, limit);
#endif
  return std::max(cores, 1);
}

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

void ThreadTeam::run_now(int threads, const std::function<void(int)>& body) {
  {
    const std::lock_guard lock(mutex_);
    body_ = &body;
    running_ = threads;
    ++runs_;
  }
  start_.notify_all();
  work_on(body, 0);
  barrier();
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

// The caller of run() throws what a body has thrown, once all threads are done.
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
    {
      std::unique_lock lock(mutex_);
      start_.wait(lock, [&] { return stopping_ || (runs_ != seen && thread < running_); });
      if (stopping_) return;
      seen = runs_;
      body = body_;
    }
    work_on(*body, thread);
    barrier();
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
