// Predicts any number of rows in chunks. Each chunk is an upload, a forward pass and a download.
//
// A batch size that is used repeatedly is padded to one of few sizes, and the whole chunk runs as a
// graph. A row's output does not depend on the other rows, nor on the number of rows.
#pragma once

#include <map>
#include <memory>

#include "cuda/pass.h"
#include "native/engine/plugin.h"

namespace neurode::cuda {

constexpr int kMostPredicted = 1024;  // the most rows in a chunk

class Prediction {
 public:
  Prediction(Device& device, const Program& program, PassRunner& pass)
      : device_(device), program_(program), pass_(pass) {}

  void run(Launcher& launcher, const plugin::InputRecord& input, float* output,
           const plugin::CancelRecord& cancel);

 private:
  struct Bucket {
    int uses = 0;
    std::unique_ptr<Graph> graph;
  };
  // One of the two chunks that can run at the same time.
  struct Chunk {
    DeviceMemory input;
    PinnedMemory in, out;
    Event done;
    std::int64_t first = 0;
    int rows = 0;
    std::map<std::pair<int, std::int64_t>, Bucket> buckets;  // by rows, and bytes of a row
  };

  void reserve(int capacity, std::int64_t row_bytes, int chunks);
  void start(Launcher& launcher, Chunk& chunk, int most, std::int64_t row_bytes);
  void enqueue(Launcher& launcher, const Chunk& chunk, int rows, std::int64_t row_bytes);
  void take(Chunk& chunk, float* output) const;

  Device& device_;
  const Program& program_;
  PassRunner& pass_;
  Chunk chunks_[2];
};

}  // namespace neurode::cuda
