// Runs a kernel's blocks, one after another. A thread runs until it waits. Only a thread that waits
// needs its own fiber, so a kernel without barriers runs on a single fiber.
#include <pthread.h>

#include <array>
#include <cstdio>
#include <cstring>
#include <vector>

#include "tools/cuda-emulator/device_functions.h"
#include "tools/cuda-emulator/fiber.h"
#include "tools/cuda-emulator/random_order.h"
#include "tools/cuda-emulator/state.h"
#include "tools/cuda-emulator/warp_matrix.h"

uint3 threadIdx, blockIdx;
dim3 blockDim, gridDim;

namespace neurode::emulator {

namespace {

constexpr int kNone = -1;
constexpr unsigned kLanes = 32;

struct Lane {
  std::uint64_t value, result;
  unsigned mask, source;
  Collective kind;
};

struct Warp {
  unsigned live = 0;     // lanes that have not returned
  unsigned waiting = 0;  // lanes at a warp function
  std::array<Lane, kLanes> lanes;
};

enum class State : std::uint8_t { kFresh, kRuns, kAtBarrier, kAtWarp, kReturned };

struct Thread {
  Fiber* fiber;  // the fiber of a thread that waits
  Site site;     // where the thread waits
  State state;
};

struct Scheduler {
  const Grid* grid = nullptr;
  unsigned threads = 0;
  unsigned current = 0;
  unsigned at_barrier = 0, returned = 0;
  Site barrier_site;  // where the first thread at the barrier waits
  unsigned barrier_thread = 0;
  bool failed = false;
  pthread_t host_thread{};
  Order order;
  Random random;
  std::vector<std::uint16_t> ready;  // threads that can go on after a warp function
  std::array<Thread, kMaxThreads> thread;
  std::array<uint3, kMaxThreads> index;
  std::array<Warp, kMaxThreads / kLanes> warps;
  dim3 indexed = dim3(0);  // the block's shape that `index` holds

  Fiber host;
  Fiber* running = nullptr;  // the fiber that runs
  std::vector<Fiber> fibers;
  std::vector<Fiber*> idle;
};

Scheduler scheduler;

std::string position(const char* what, uint3 at) {
  char text[96];
  std::snprintf(text, sizeof text, "%s (%u, %u, %u)", what, at.x, at.y, at.z);
  return text;
}

std::string running_block() {
  return "kernel " + kernel_name(scheduler.grid->call.kernel) + ", " + position("block", blockIdx);
}

std::string place(const Site& site) {
  return std::string(site.file_name()) + ":" + std::to_string(site.line());
}

void enter(Fiber* fiber) {
  Fiber& from = *scheduler.running;
  scheduler.running = fiber;
  if (fiber != &from) switch_fiber(from, *fiber);
}

[[noreturn]] void give_up(const std::string& what) {
  fault(cudaErrorLaunchFailure, what);
  scheduler.failed = true;
  enter(&scheduler.host);
  __builtin_unreachable();
}

int pick() {
  Scheduler& s = scheduler;
  if (!s.ready.empty()) {
    const int thread = s.ready.back();
    s.ready.pop_back();
    return thread;
  }
  return s.order.left > 0 ? int(s.order.next()) : kNone;
}

// Reports a deadlock: some threads wait, and no thread can run.
[[noreturn]] void report_deadlock() {
  const Scheduler& s = scheduler;
  std::string text = running_block() + ": divergent threads wait for each other";
  int shown = 0;
  const auto tell = [&](State state, const char* what, bool has_place) {
    unsigned count = 0;
    for (unsigned t = 0; t < s.threads; ++t) {
      if (s.thread[t].state != state) continue;
      if (count++ == 0) {
        text += (shown++ ? "; " : ": ") + position("thread", s.index[t]) + what +
                (has_place ? " at " + place(s.thread[t].site) : "");
      }
    }
    if (count > 1) text += " (with it " + std::to_string(count - 1) + " others)";
  };
  tell(State::kAtBarrier, " waits in __syncthreads", true);
  tell(State::kAtWarp, " waits in a warp function", true);
  tell(State::kReturned, " has returned", false);
  give_up(text);
}

void become(int thread) {
  scheduler.current = unsigned(thread);
  threadIdx = scheduler.index[thread];
}

void fiber_main();

Fiber* idle_fiber() {
  Scheduler& s = scheduler;
  Fiber* fiber = s.idle.back();
  s.idle.pop_back();
  if (fiber->stack == nullptr) {
    *fiber = make_fiber();
    reset_fiber(*fiber, int(fiber - s.fibers.data()), fiber_main);
  }
  return fiber;
}

// Makes the current thread wait, and runs other threads until it can go on.
void wait_for_others(State state, const Site& site) {
  Scheduler& s = scheduler;
  const unsigned self = s.current;
  Thread& thread = s.thread[self];
  thread.state = state;
  thread.site = site;
  thread.fiber = s.running;
  const int next = pick();
  if (next == kNone) report_deadlock();
  become(next);
  if (unsigned(next) != self) {
    enter(s.thread[next].state == State::kFresh ? idle_fiber() : s.thread[next].fiber);
  }
  thread.state = State::kRuns;
}

void run_together(Warp& warp, unsigned members) {
  if (members != ~0u) give_up(running_block() + ": a function of whole warps without all 32 lanes");
  std::array<Together*, kLanes> all;
  for (unsigned lane = 0; lane < kLanes; ++lane)
    all[lane] = reinterpret_cast<Together*>(warp.lanes[lane].value);
  all[0]->run(all.data());
}

// Completes the warp function in which `leader` waits, if all live lanes of its mask have arrived.
bool complete(Warp& warp, unsigned leader) {
  const Lane& first = warp.lanes[leader];
  const unsigned members = first.mask & warp.live;
  if ((members & ~warp.waiting) != 0) return false;
  Scheduler& s = scheduler;
  const unsigned base = unsigned(&warp - s.warps.data()) * kLanes;
  unsigned ballot = 0;
  for (unsigned m = members; m != 0; m &= m - 1) {
    const unsigned lane = unsigned(std::countr_zero(m));
    const Lane& other = warp.lanes[lane];
    const Site &site = s.thread[base + lane].site, &expected = s.thread[base + leader].site;
    if (other.mask != first.mask || other.kind != first.kind || site.line() != expected.line() ||
        site.column() != expected.column()) {
      char masks[64];
      std::snprintf(masks, sizeof masks, ", masks 0x%08x and 0x%08x", first.mask, other.mask);
      give_up(running_block() + ": lanes of one warp meet in different warp functions: " +
              position("thread", s.index[base + leader]) + " at " + place(expected) + ", " +
              position("thread", s.index[base + lane]) + " at " + place(site) + masks);
    }
    ballot |= unsigned(other.value & 1) << lane;
  }
  if (first.kind == Collective::kTogether) run_together(warp, members);
  for (unsigned m = members; m != 0; m &= m - 1) {
    Lane& lane = warp.lanes[std::countr_zero(m)];
    if (first.kind == Collective::kBallot) {
      lane.result = ballot;
    } else if (first.kind == Collective::kShuffle) {
      lane.result = members >> lane.source & 1 ? warp.lanes[lane.source].value : ~std::uint64_t{0};
    }
  }
  warp.waiting &= ~members;
  return true;
}

// Makes the lanes ready, except lane `but`. They go on in their order, rotated by a random number.
void release(unsigned base, unsigned lanes, unsigned but) {
  const unsigned shift = unsigned(scheduler.random.below(kLanes));
  for (unsigned i = 0; i < kLanes; ++i) {
    const unsigned lane = (i + shift) % kLanes;
    if ((lanes >> lane & 1) && lane != but) scheduler.ready.push_back(std::uint16_t(base + lane));
  }
}

void return_from_kernel() {
  Scheduler& s = scheduler;
  s.thread[s.current].state = State::kReturned;
  ++s.returned;
  Warp& warp = s.warps[s.current / kLanes];
  warp.live &= ~(1u << s.current % kLanes);
  for (unsigned m = warp.waiting; m != 0; m &= m - 1) {
    const unsigned leader = unsigned(std::countr_zero(m));
    const unsigned members = warp.lanes[leader].mask & warp.live;
    if ((warp.waiting >> leader & 1) && complete(warp, leader)) {
      release(s.current / kLanes * kLanes, members, kLanes);
    }
  }
}

void fiber_main() {
  entered_fiber();
  Scheduler& s = scheduler;
  for (;;) {
    s.thread[s.current].state = State::kRuns;
    s.grid->call.run(s.grid->call.call);
    return_from_kernel();
    const int next = pick();
    if (next == kNone && s.returned < s.threads) report_deadlock();
    if (next != kNone) become(next);
    if (next != kNone && s.thread[next].state == State::kFresh) continue;
    s.idle.push_back(s.running);
    enter(next == kNone ? &s.host : s.thread[next].fiber);
  }
}

// Resets the fibers that a fault left in the middle of a kernel.
void reset_fibers() {
  Scheduler& s = scheduler;
  if (s.fibers.empty()) s.fibers.resize(kMaxThreads);
  s.idle.clear();
  for (int i = kMaxThreads - 1; i >= 0; --i) {
    if (s.fibers[i].stack != nullptr) reset_fiber(s.fibers[i], i, fiber_main);
    s.idle.push_back(&s.fibers[i]);
  }
}

void index_threads(dim3 block) {
  Scheduler& s = scheduler;
  if (s.indexed.x == block.x && s.indexed.y == block.y && s.indexed.z == block.z) return;
  s.indexed = block;
  unsigned t = 0;
  for (unsigned z = 0; z < block.z; ++z) {
    for (unsigned y = 0; y < block.y; ++y) {
      for (unsigned x = 0; x < block.x; ++x) s.index[t++] = {x, y, z};
    }
  }
}

void begin_block() {
  Scheduler& s = scheduler;
  s.at_barrier = s.returned = 0;
  forget_copies();
  for (unsigned t = 0; t < s.threads; ++t) s.thread[t].state = State::kFresh;
  for (unsigned first = 0; first < s.threads; first += kLanes) {
    const unsigned lanes = std::min(kLanes, s.threads - first);
    Warp& warp = s.warps[first / kLanes];
    warp.live = lanes == kLanes ? ~0u : (1u << lanes) - 1;
    warp.waiting = 0;
  }
  s.order.begin(s.threads, s.random);
}

}  // namespace

void sync_threads(Site site) {
  Scheduler& s = scheduler;
  if (s.at_barrier > 0) {
    if (s.barrier_site.line() != site.line() || s.barrier_site.column() != site.column()) {
      give_up(running_block() + ": divergent barrier: " + position("thread", threadIdx) + " at " +
              place(site) + ", while " + position("thread", s.index[s.barrier_thread]) +
              " waits at " + place(s.barrier_site));
    }
  } else {
    s.barrier_site = site;
    s.barrier_thread = s.current;
  }
  if (++s.at_barrier == s.threads) {
    s.at_barrier = 0;
    s.order.begin(s.threads, s.random);
  }
  wait_for_others(State::kAtBarrier, site);
}

std::uint64_t warp_collective(Collective kind, unsigned mask, std::uint64_t value, unsigned source,
                              Site site) {
  Scheduler& s = scheduler;
  const unsigned lane = s.current % kLanes, base = s.current - lane;
  if (!(mask >> lane & 1)) {
    char text[80];
    std::snprintf(text, sizeof text, ": lane %u calls a warp function with mask 0x%08x at ", lane,
                  mask);
    give_up(running_thread() + text + place(site));
  }
  counters.clock += 1;
  Warp& warp = s.warps[base / kLanes];
  warp.lanes[lane] = {value, 0, mask, source, kind};
  warp.waiting |= 1u << lane;
  s.thread[s.current].site = site;
  const unsigned members = mask & warp.live;
  if (complete(warp, lane)) {
    release(base, members, lane);
  } else {
    wait_for_others(State::kAtWarp, site);
  }
  return warp.lanes[lane].result;
}

void warp_together(Together& mine, Site site) {
  warp_collective(Collective::kTogether, ~0u, reinterpret_cast<std::uintptr_t>(&mine), 0, site);
}

unsigned lane() { return scheduler.current % kLanes; }

unsigned thread_number() { return scheduler.current; }

void kernel_fault(const char* what) { give_up(running_thread() + ": " + what); }

std::string running_thread() {
  if (scheduler.grid == nullptr || !pthread_equal(scheduler.host_thread, pthread_self())) return "";
  return running_block() + ", " + position("thread", threadIdx);
}

bool run_grid(const Grid& grid) {
  static const std::uint64_t seed = environment_number("NEURODE_EMULATOR_SEED", 1);
  Scheduler& s = scheduler;
  if (s.fibers.empty()) reset_fibers();
  s.grid = &grid;
  s.host = host_fiber();
  s.host_thread = pthread_self();
  s.running = &s.host;
  s.failed = false;
  s.random.state = seed * 0x100000001b3ull + counters.kernels;
  s.threads = grid.block.x * grid.block.y * grid.block.z;
  index_threads(grid.block);
  blockDim = grid.block;
  gridDim = grid.grid;
  SharedMemory shared(grid.call.kernel, grid.shared_bytes);

  Order blocks;
  for (blocks.begin(std::uint64_t{gridDim.x} * gridDim.y * gridDim.z, s.random);
       blocks.left > 0 && !s.failed;) {
    const std::uint64_t block = blocks.next();
    blockIdx = {unsigned(block % gridDim.x), unsigned(block / gridDim.x % gridDim.y),
                unsigned(block / gridDim.x / gridDim.y)};
    begin_block();
    become(pick());
    enter(idle_fiber());
    if (!s.failed && !shared.guards_whole()) {
      fault(cudaErrorIllegalAddress, running_block() +
                                         ": a write past the end of its dynamic shared memory of " +
                                         std::to_string(grid.shared_bytes) + " bytes");
      s.failed = true;
    }
    shared.end_block(blocks.left == 0 || s.failed);
  }
  if (s.failed) reset_fibers();
  s.grid = nullptr;
  return !s.failed;
}

}  // namespace neurode::emulator
