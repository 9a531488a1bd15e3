// A team of persistent threads that run the same function together and meet at barriers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace neurode::cpu {

// Physical cores this process may use: affinity and cgroup quota respected.
int usable_cores();

// Subnormal floats count as zero on this thread while it lives: they cost a hundred times a normal
// operation.
class FlushSubnormals {
 public:
  FlushSubnormals();
  ~FlushSubnormals();
  FlushSubnormals(const FlushSubnormals&) = delete;
  FlushSubnormals& operator=(const FlushSubnormals&) = delete;

 private:
  std::uint64_t saved_;
};

class ThreadTeam {
 public:
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls body(0 .. size - 1), one on each thread, the caller being thread 0; returns when all are
  // done. `body` must not throw.
  void run(const std::function<void(int)>& body);

  // Waits for every thread of the running body.
  void barrier();

 private:
  void work(int thread);
  void stop();

  const int size_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;
  std::condition_variable start_;
  const std::function<void(int)>* body_ = nullptr;
  std::uint64_t runs_ = 0;
  bool stopping_ = false;
  alignas(64) std::atomic<int> waiting_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
};

}  // namespace neurode::cpu
