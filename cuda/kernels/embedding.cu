// Kernels of embeddings: lookup, and the gradient of the table.
#include "cuda/kernels/elements.h"
#include "cuda/kernels/embedding.h"
#include "cuda/kernels/functors.h"

namespace neurode::cuda {
namespace {

// Calls `act` with the indices of a bag but for the padding, and returns how many there are.
template <class Act>
NEURODE_DEVICE int each_of_bag(const EmbeddingRecord& r, int row, int first, Act act) {
  int found = 0;
  for (int i = first; i < first + r.bag; ++i) {
    const int index = index_of(r.input.at(row, i), r.vectors);
    if (index == r.padding) continue;
    ++found;
    act(index);
  }
  return found;
}

struct EmbeddedElements {
  EmbeddingRecord r;

  __host__ __device__ int features() const {
    return (r.bag == 0 ? r.indices : r.indices / r.bag) * r.size;
  }

  NEURODE_DEVICE void run(int row, int feature) const {
    const int which = feature / r.size;
    if (r.bag > 0) {
      float sum = 0;
      const int found = each_of_bag(r, row, which * r.bag,
                                    [&](int index) { sum += value(index, feature % r.size); });
      r.output.at(row, feature) =
          r.averages != 0 && found > 1 ? sum / static_cast<float>(found) : sum;
      return;
    }
    r.output.at(row, feature) =
        value(index_of(r.input.at(row, which), r.vectors), feature % r.size);
  }

  NEURODE_DEVICE float value(int index, int d) const {
    return r.table[index * static_cast<std::int64_t>(r.table_stride) + d];
  }
};

// d table[index] of an entry of the batch: that of its output.
NEURODE_DEVICE float gradient_at(const EmbeddingRecord& r, std::int64_t entry, int d) {
  const int row = static_cast<int>(entry / r.indices), i = static_cast<int>(entry % r.indices);
  if (r.bag == 0) return r.gradient.at(row, i * r.size + d);
  const int which = i / r.bag;
  const float gradient = r.gradient.at(row, which * r.size + d);
  if (r.averages == 0) return gradient;
  const int found = each_of_bag(r, row, which * r.bag, [](int) {});
  return gradient / static_cast<float>(found > 1 ? found : 1);
}

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
      const bool is_here = mine < entries && vector != r.padding &&
                           index_of(r.input.at(static_cast<int>(mine / r.indices),
                                               static_cast<int>(mine % r.indices)),
                                    r.vectors) == vector;
      const unsigned bits = __ballot_sync(0xffffffffu, is_here);
      if (thread % 32 == 0) found[thread / 32] = bits;
      __syncthreads();
      for (int i = 0; d < r.size && i < kThreads; ++i) {
        if (found[i / 32] == 0) i += 31;
        if ((found[i / 32] >> i % 32 & 1u) == 0) continue;
        sum += gradient_at(r, begin + i, d);
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
