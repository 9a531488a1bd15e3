// An open device: its streams, its memory pool, its pinned buffers, and whether it still works.
#pragma once

#include <algorithm>
#include <cstring>
#include <mutex>
#include <string>

#include "cuda/runtime/memory.h"
#include "cuda/runtime/stream.h"

namespace neurode::cuda {

// Copies between host and device through two pinned buffers, which are used in turn.
class Staging {
 public:
  explicit Staging(cudaStream_t stream) : stream_(stream) {}

  // Allocates the buffers for copies of `bytes` bytes now, rather than at the first copy.
  void reserve(std::int64_t bytes) {
    const auto wanted = static_cast<std::size_t>(std::min(kBytes, bytes));
    for (int slot = 0; slot < 2; ++slot) {
      if (pinned_[slot].size() >= wanted) continue;
      done_[slot].wait();
      pinned_[slot].grow(std::max(wanted, kLeastBytes));
    }
  }

  // When this returns, the caller may overwrite `from`; the copy to the device takes place in
  // stream order. If pinned memory is short, throws before anything is copied.
  void upload(const void* from, std::int64_t bytes, void* to) {
    reserve(bytes);
    for (std::int64_t at = 0; at < bytes; at += kBytes) {
      const std::size_t count = static_cast<std::size_t>(std::min(kBytes, bytes - at));
      void* const pinned = next();
      std::memcpy(pinned, static_cast<const char*>(from) + at, count);
      check(cudaMemcpyAsync(static_cast<char*>(to) + at, pinned, count, cudaMemcpyHostToDevice,
                            stream_),
            "uploading");
      done_[slot_].record(stream_);
    }
  }

  void download(const void* from, std::int64_t bytes, void* to) {
    reserve(bytes);
    for (std::int64_t at = 0; at < bytes; at += kBytes) {
      const std::size_t count = static_cast<std::size_t>(std::min(kBytes, bytes - at));
      void* const pinned = next();
      check(cudaMemcpyAsync(pinned, static_cast<const char*>(from) + at, count,
                            cudaMemcpyDeviceToHost, stream_),
            "downloading");
      done_[slot_].record(stream_);
      done_[slot_].wait();
      std::memcpy(static_cast<char*>(to) + at, pinned, count);
    }
  }

 private:
  static constexpr std::int64_t kBytes = 4 << 20;
  static constexpr std::size_t kLeastBytes = 1 << 16;

  void* next() {
    slot_ ^= 1;
    done_[slot_].wait();
    return pinned_[slot_].as<void>();
  }

  const cudaStream_t stream_;
  PinnedMemory pinned_[2];
  Event done_[2];
  int slot_ = 0;
};

struct Device {
  explicit Device(int ordinal) : ordinal(ordinal) {}

  const int ordinal;
  Stream stream;
  MemoryPool pool{ordinal, stream.get()};
  Staging staging{stream.get()};
  // For copies that run at the same time as the work of `stream`.
  Stream ahead_stream;
  Staging ahead{ahead_stream.get()};
  Event ahead_done;
  int models = 0;
  std::mutex mutex;
  std::string lost;  // why the device no longer works; empty while it works
};

}  // namespace neurode::cuda
