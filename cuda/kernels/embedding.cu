// Kernels of embeddings: lookup, and the gradient of the table.
#include "cuda/kernels/elements.h"
#include "cuda/kernels/embedding.h"
#include "cuda/kernels/functors.h"

namespace neurode::cuda {
namespace {

struct EmbeddedElements {
  EmbeddingRecord r;

  __host__ __device__ int features() const { return r.indices * r.size; }

  NEURODE_DEVICE void run(int row, int feature) const {
    const int index = index_of(r.input.at(row, feature / r.size), r.vectors);
    r.output.at(row, feature) =
        r.table[index * static_cast<std::int64_t>(r.table_stride) + feature % r.size];
  }
};

// One block for each vector of the table: the block searches the batch, row by row, for the
// vector's index.
__global__ __launch_bounds__(kThreads) void embedding_gradients_kernel(EmbeddingRecord r,
                                                                       StepRecord step,
                                                                       WeightsRecord table) {
  __shared__ unsigned found[kThreads / 32];  // one bit for each entry of the batch
  const int vector = static_cast<int>(blockIdx.x), thread = static_cast<int>(threadIdx.x);
  const std::int64_t entries = static_cast<std::int64_t>(step.rows) * r.indices;
  for (int first = 0; first < r.size; first += kThreads) {
    const int d = first + thread;
    float sum = 0;
    for (std::int64_t begin = 0; begin < entries; begin += kThreads) {
      const std::int64_t mine = begin + thread;
      const bool is_here =
          mine < entries && index_of(r.input.at(static_cast<int>(mine / r.indices),
                                                static_cast<int>(mine % r.indices)),
                                     r.vectors) == vector;
      const unsigned bits = __ballot_sync(0xffffffffu, is_here);
      if (thread % 32 == 0) found[thread / 32] = bits;
      __syncthreads();
      for (int i = 0; d < r.size && i < kThreads; ++i) {
        if (found[i / 32] == 0) i += 31;
        if ((found[i / 32] >> i % 32 & 1u) == 0) continue;
        const std::int64_t entry = begin + i;
        sum += r.gradient.at(static_cast<int>(entry / r.indices),
                             static_cast<int>(entry % r.indices) * r.size + d);
      }
      __syncthreads();
    }
    if (d >= r.size) continue;
    float& stored = table.values[vector * static_cast<std::int64_t>(r.table_stride) + d];
    stored = table.adds ? stored + sum : sum;
  }
}

}  // namespace

void embedding_forward(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step) {
  run_elements_of(launcher, EmbeddedElements{record}, step.rows);
}

void embedding_gradients(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step,
                         const WeightsRecord& table) {
  launcher(embedding_gradients_kernel, dim3(static_cast<unsigned>(record.vectors)), kThreads, 0,
           record, step, table);
}

}  // namespace neurode::cuda
