// How the ranks of a distributed training exchange bytes. A transport adds nothing up: sums are
// taken by the engine, in an order that does not depend on the transport.
#pragma once

#include <cstddef>

namespace neurode {

// All ranks make the same calls in the same order; each call returns when the caller's part of it
// is done, and throws an Error if the others cannot be reached. Ranks count from 0 to size() - 1.
class Transport {
 public:
  virtual ~Transport() = default;

  virtual int rank() const = 0;
  virtual int size() const = 0;

  // `send` and `receive` hold size() pieces of `bytes_each`. Piece r of `send` becomes piece rank()
  // of what rank r receives.
  virtual void all_to_all(const void* send, void* receive, std::size_t bytes_each) = 0;
  // Every rank receives the pieces of all ranks, in the order of the ranks.
  virtual void all_gather(const void* send, void* receive, std::size_t bytes_each) = 0;
  // The data of rank `root` replaces those of the others.
  virtual void broadcast(void* data, std::size_t bytes, int root) = 0;
};

}  // namespace neurode
