// A long-lived thread that runs the work pushed to it, in order.
#include "native/engine/work_queue.h"

#include <utility>

#include "native/engine/error.h"

namespace neurode {

WorkQueue::~WorkQueue() {
  {
    std::lock_guard lock(mutex_);
    stop_ = true;
  }
  ready_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void WorkQueue::push(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    if (!thread_.joinable()) thread_ = start_thread("the device's thread", [this] { run(); });
    work_.push_back(std::move(work));
  }
  ready_.notify_one();
}

void WorkQueue::run() {
  for (;;) {
    std::function<void()> work;
    {
      std::unique_lock lock(mutex_);
      ready_.wait(lock, [this] { return stop_ || !work_.empty(); });
      if (work_.empty()) return;
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
}

}  // namespace neurode
