// Prediction of any number of rows.
#include <algorithm>
#include <cstring>

#include "cuda/inputs.h"
#include "cuda/prediction.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kChunkBytes = 8 << 20;  // bytes of input in a chunk
constexpr std::int64_t kHead = 256;  // bytes for the state; one copy uploads state and rows
constexpr int kUsualRows = 256;
constexpr int kUsesBeforeCapturing = 2;  // the last one loads the kernels for this size

static_assert(sizeof(RunState) <= kHead);

// Batch sizes that have graphs. Any other batch is padded to the next size, by less than half of
// its rows.
constexpr int kBuckets[] = {1,  2,  3,  4,   6,   8,   12,  16,  24,  32,
                            48, 64, 96, 128, 192, 256, 384, 512, 768, kMostPredicted};

int bucket_of(int rows, int most) {
  return std::min(most, *std::lower_bound(std::begin(kBuckets), std::end(kBuckets), rows));
}

}  // namespace

// Graphs contain the addresses of this memory, so they are discarded when it moves.
void Prediction::reserve(int capacity, std::int64_t row_bytes, int chunks) {
  const auto forget_graphs = [&] {
    for (Chunk& chunk : chunks_) chunk.buckets.clear();
  };
  if (pass_.reserve(capacity)) forget_graphs();
  const auto out_bytes =
      static_cast<std::size_t>(std::int64_t{capacity} * pass_.output_stride()) * sizeof(float);
  const std::int64_t input_bytes = kHead + capacity * row_bytes;
  const auto in_bytes = static_cast<std::size_t>(input_bytes);
  for (int c = 0; c < chunks; ++c) {
    Chunk& chunk = chunks_[c];
    if (chunk.rows > 0) device_.stream.wait();  // a run that failed left work in flight
    chunk.rows = 0;
    if (chunk.input.size() >= input_bytes && chunk.in.size() >= in_bytes &&
        chunk.out.size() >= out_bytes)
      continue;
    forget_graphs();
    chunk.input.grow(device_.pool, input_bytes, "rows of a prediction");
    chunk.in.grow(in_bytes);
    chunk.out.grow(out_bytes);
  }
}

void Prediction::enqueue(Launcher& launcher, const Chunk& chunk, int rows, std::int64_t row_bytes) {
  check(cudaMemcpyAsync(chunk.input.as<void>(), chunk.in.as<void>(),
                        static_cast<std::size_t>(kHead + rows * row_bytes), cudaMemcpyHostToDevice,
                        launcher.stream()),
        "uploading");
  pass_.enqueue(launcher, {.state = chunk.input.as<RunState>(), .rows = rows});
  check(cudaMemcpyAsync(chunk.out.as<void>(), pass_.output(),
                        static_cast<std::size_t>(rows) * pass_.output_stride() * sizeof(float),
                        cudaMemcpyDeviceToHost, launcher.stream()),
        "downloading");
}

void Prediction::start(Launcher& launcher, Chunk& chunk, int most, std::int64_t row_bytes) {
  const int size = bucket_of(chunk.rows, most);
  Bucket& bucket = chunk.buckets[{size, row_bytes}];
  if (bucket.uses < kUsesBeforeCapturing) {
    const bool is_last = bucket.uses + 1 == kUsesBeforeCapturing;
    enqueue(launcher, chunk, is_last ? size : chunk.rows, row_bytes);
    ++bucket.uses;
  } else {
    if (!bucket.graph) {
      bucket.graph = std::make_unique<Graph>(launcher.stream(),
                                             [&] { enqueue(launcher, chunk, size, row_bytes); });
    }
    bucket.graph->launch(launcher.stream());
  }
  chunk.done.record(launcher.stream());
}

void Prediction::take(Chunk& chunk, float* output) const {
  if (chunk.rows == 0) return;
  chunk.done.wait();
  const std::int64_t width = program_.output_size;
  for (int row = 0; row < chunk.rows; ++row) {
    std::copy_n(chunk.out.as<float>() + std::int64_t{row} * pass_.output_stride(), width,
                output + (chunk.first + row) * width);
  }
  chunk.rows = 0;
}

void Prediction::run(Launcher& launcher, const plugin::InputRecord& input, float* output,
                     const plugin::CancelRecord& cancel) {
  const std::int64_t row_bytes = input.features * element_size(input);
  const int most =
      static_cast<int>(std::clamp<std::int64_t>(kChunkBytes / row_bytes, 1, kMostPredicted));
  const int chunks = input.rows > most ? 2 : 1;
  // There are only two capacities, so that the memory seldom grows and graphs seldom become
  // invalid.
  reserve(input.rows <= kUsualRows ? std::min(most, kUsualRows) : most, row_bytes, chunks);
  RunState state{};
  state.scale = input.scale * program_.input_scale;
  state.offset = input.offset * program_.input_scale + program_.input_offset;
  state.features = input.features;
  int c = 0;
  for (std::int64_t first = 0; first < input.rows && !asked(cancel);
       first += most, c = (c + 1) % chunks) {
    Chunk& chunk = chunks_[c];
    take(chunk, output);
    chunk.first = first;
    chunk.rows = static_cast<int>(std::min<std::int64_t>(most, input.rows - first));
    point_at(state, input, chunk.input.as<char>() + kHead);
    std::memcpy(chunk.in.as<void>(), &state, sizeof state);
    std::memcpy(chunk.in.as<char>() + kHead,
                static_cast<const char*>(data_of(input)) + first * row_bytes,
                chunk.rows * row_bytes);
    start(launcher, chunk, most, row_bytes);
  }
  for (int i = 0; i < chunks; ++i) take(chunks_[(c + i) % chunks], output);
  device_.stream.wait();
}

}  // namespace neurode::cuda
