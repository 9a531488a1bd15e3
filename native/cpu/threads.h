// A team of persistent threads that run the same function together and meet at barriers.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace neurode::cpu {

// The number of physical cores, and of processors, that this process may use, by its affinity and
// by the limits of its control groups.
int usable_cores();
int usable_processors();

class ThreadTeam {
 public:
  explicit ThreadTeam(int size);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_; }

  // Calls body(0 .. threads - 1), one on each thread, the caller being thread 0; returns when all
  // are done, and throws what one of them threw. `threads`: at most size(). A body that meets the
  // others at barriers must not throw. Callers of different threads take turns.
  void run(int threads, const std::function<void(int)>& body);
  // The same; returns false at once, and runs nothing, where another caller has its turn.
  bool try_run(int threads, const std::function<void(int)>& body);

  // The same for work that any of these threads may do, as soon as they come: those that have not
  // begun when the caller is done do not begin, so nobody waits for a thread to wake up. Such
  // bodies meet at no barriers.
  void share(int threads, const std::function<void(int)>& body);
  bool try_share(int threads, const std::function<void(int)>& body);

  // Waits for every thread of the running body, which runs on more than one.
  void barrier();

  // Waits at barriers that ended in sleep, since the team was made.
  std::int64_t sleeps() const { return sleeps_.load(std::memory_order_relaxed); }

 private:
  void run_now(int threads, const std::function<void(int)>& body);
  void share_now(int threads, const std::function<void(int)>& body);
  void begin(int threads, const std::function<void(int)>& body, bool is_shared);
  void wait_for_helpers();
  void throw_failure();
  void work(int thread);
  void work_on(const std::function<void(int)>& body, int thread);
  void stop();

  const int size_;
  std::vector<std::thread> threads_;
  std::mutex turn_;
  std::mutex mutex_;
  std::condition_variable start_;
  const std::function<void(int)>* body_ = nullptr;  // null: shared work that is done
  std::uint64_t runs_ = 0;
  int running_ = 0;  // threads of the current run
  bool is_shared_ = false;
  std::exception_ptr failure_;
  bool stopping_ = false;
  alignas(64) std::atomic<int> waiting_{0};
  alignas(64) std::atomic<std::uint32_t> phase_{0};
  alignas(64) std::atomic<std::int64_t> sleeps_{0};
  alignas(64) std::atomic<int> helpers_{0};  // threads that are at work on what the caller shares
};

}  // namespace neurode::cpu
