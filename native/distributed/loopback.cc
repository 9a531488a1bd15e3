// Ranks that are threads of one process: for tests.
#include "native/distributed/loopback.h"

#include <condition_variable>
#include <cstring>
#include <mutex>
#include <utility>

#include "native/engine/error.h"

namespace neurode::distributed {
namespace {

// Where the ranks meet. Each shows what it sends; all copy what they receive before any goes on.
class Meeting {
 public:
  explicit Meeting(int size) : sent_(size) {}

  int size() const { return static_cast<int>(sent_.size()); }
  const char* sent_by(int rank) const { return static_cast<const char*>(sent_[rank]); }
  void send(int rank, const void* data) {
    sent_[rank] = data;
    wait();
  }
  // Waits until all ranks are here.
  void wait() {
    std::unique_lock lock(mutex_);
    const int round = round_;
    if (++waiting_ == size()) {
      waiting_ = 0;
      ++round_;
      all_are_here_.notify_all();
    } else {
      all_are_here_.wait(lock, [&] { return round_ != round || has_left_; });
    }
    if (round_ == round) throw Error("ERR_DISTRIBUTED", "a rank has ended before the others");
  }
  void leave() {
    const std::lock_guard lock(mutex_);
    has_left_ = true;
    all_are_here_.notify_all();
  }

 private:
  std::vector<const void*> sent_;  // by rank
  std::mutex mutex_;
  std::condition_variable all_are_here_;
  int waiting_ = 0, round_ = 0;
  bool has_left_ = false;
};

class Loopback final : public Transport {
 public:
  Loopback(std::shared_ptr<Meeting> meeting, int rank)
      : meeting_(std::move(meeting)), rank_(rank) {}
  ~Loopback() override { meeting_->leave(); }

  int rank() const override { return rank_; }
  int size() const override { return meeting_->size(); }

  void all_to_all(const void* send, void* receive, std::size_t bytes_each) override {
    gather(send, receive, bytes_each, static_cast<std::size_t>(rank_) * bytes_each);
  }
  void all_gather(const void* send, void* receive, std::size_t bytes_each) override {
    gather(send, receive, bytes_each, 0);
  }
  void broadcast(void* data, std::size_t bytes, int root) override {
    meeting_->send(rank_, data);
    if (rank_ != root) std::memcpy(data, meeting_->sent_by(root), bytes);
    meeting_->wait();
  }

 private:
  // Piece r of what is received lies at `from` in what rank r sends.
  void gather(const void* send, void* receive, std::size_t bytes_each, std::size_t from) {
    meeting_->send(rank_, send);
    char* to = static_cast<char*>(receive);
    for (int rank = 0; rank < size(); ++rank, to += bytes_each)
      std::memcpy(to, meeting_->sent_by(rank) + from, bytes_each);
    meeting_->wait();
  }

  const std::shared_ptr<Meeting> meeting_;
  const int rank_;
};

}  // namespace

std::vector<std::shared_ptr<Transport>> make_loopback(int size) {
  const auto meeting = std::make_shared<Meeting>(size);
  std::vector<std::shared_ptr<Transport>> ranks;
  for (int rank = 0; rank < size; ++rank)
    ranks.push_back(std::make_shared<Loopback>(meeting, rank));
  return ranks;
}

}  // namespace neurode::distributed
