// A long-lived thread that runs the work pushed to it, in order.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace neurode {

class WorkQueue {
 public:
  WorkQueue() = default;
  ~WorkQueue();
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Queues `work`, which must not throw. Throws ERR_OUT_OF_MEMORY if the thread cannot start. The
  // destructor waits until all queued work has run.
  void push(std::function<void()> work);

 private:
  void run();

  std::mutex mutex_;
  std::condition_variable ready_;
  std::deque<std::function<void()>> work_;
  bool stop_ = false;
  std::thread thread_;  // started by the first push
};

}  // namespace neurode
