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

// The indices of all uses of a table in a batch, one after the other.
struct NamedEntries {
  EmbeddingUses all;
  int rows;

  // The use that an entry is of; `entry` becomes its number there.
  NEURODE_DEVICE const EmbeddingRecord& use_of(std::int64_t& entry) const {
    int use = 0;
    for (; use + 1 < all.count; ++use) {
      const std::int64_t entries = static_cast<std::int64_t>(rows) * all.uses[use].indices;
      if (entry < entries) break;
      entry -= entries;
    }
    return all.uses[use];
  }
  __host__ __device__ std::int64_t count() const {
    std::int64_t entries = 0;
    for (int use = 0; use < all.count; ++use)
      entries += static_cast<std::int64_t>(rows) * all.uses[use].indices;
    return entries;
  }
  NEURODE_DEVICE int index(std::int64_t entry) const {
    const EmbeddingRecord& use = use_of(entry);
    return index_of(
        use.input.at(static_cast<int>(entry / use.indices), static_cast<int>(entry % use.indices)),
        use.vectors);
  }
  NEURODE_DEVICE float gradient(std::int64_t entry, int d) const {
    const EmbeddingRecord& use = use_of(entry);
    return gradient_at(use, entry, d);
  }
};

// One block for each entry of the batch. That of the first entry with an index updates the vector.
__global__ __launch_bounds__(kThreads) void update_named_kernel(NamedEntries entries,
                                                                StepRecord step,
                                                                WeightsRecord table,
                                                                OpRecord optimizer) {
  __shared__ unsigned found[kThreads / 32];  // one bit for each of some entries
  const int thread = static_cast<int>(threadIdx.x);
  const std::int64_t own = blockIdx.x;
  const int vector = entries.index(own);
  const EmbeddingRecord& record = entries.all.uses[0];
  if (vector == record.padding) return;
  // Whether each of kThreads entries from `begin` on has the index.
  const auto find = [&](std::int64_t begin, std::int64_t end) {
    const std::int64_t mine = begin + thread;
    const bool is_here = mine < end && entries.index(mine) == vector;
    const unsigned bits = __ballot_sync(0xffffffffu, is_here);
    if (thread % 32 == 0) found[thread / 32] = bits;
    __syncthreads();
  };
  for (std::int64_t begin = 0; begin < own; begin += kThreads) {
    find(begin, own);
    unsigned any = 0;
    for (const unsigned bits : found) any |= bits;
    __syncthreads();
    if (any != 0) return;
  }
  const float rate = step.state->learning_rates[step.state->index];
  for (int first = 0; first < record.size; first += kThreads) {
    const int d = first + thread;
    float sum = 0;
    std::int64_t first_of_use = 0;
    for (int use = 0; use < entries.all.count; ++use) {
      const std::int64_t end =
          first_of_use + static_cast<std::int64_t>(entries.rows) * entries.all.uses[use].indices;
      float sum_of_use = 0;  // the same sums as where gradients are stored, use after use
      for (std::int64_t begin = own > first_of_use ? own : first_of_use; begin < end;
           begin += kThreads) {
        find(begin, end);
        for (int i = 0; d < record.size && i < kThreads; ++i) {
          if (found[i / 32] == 0) i += 31;
          if ((found[i / 32] >> i % 32 & 1u) == 0) continue;
          sum_of_use += entries.gradient(begin + i, d);
        }
        __syncthreads();
      }
      sum += sum_of_use;
      first_of_use = end;
    }
    const Patch patch{.row = vector,
                      .row_end = vector + 1,
                      .column = d,
                      .column_end = record.size,
                      .stride = record.table_stride};
    if (d < record.size) update_patch(optimizer, rate, step.state->step, table, patch, &sum);
  }
}

}  // namespace

void update_named(Launcher& launcher, const EmbeddingUses& uses, const StepRecord& step,
                  const WeightsRecord& table, const OpRecord& optimizer) {
  const NamedEntries entries{uses, step.rows};
  launcher(update_named_kernel, dim3(static_cast<unsigned>(entries.count())), kThreads, 0, entries,
           step, table, optimizer);
}

void embedding_forward(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step) {
  run_elements_of(launcher, EmbeddedElements{record}, step.rows);
}

void embedding_gradients(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step,
                         const WeightsRecord& table) {
  launcher(embedding_gradients_kernel, dim3(static_cast<unsigned>(record.vectors)), kThreads, 0,
           record, step, table);
}

}  // namespace neurode::cuda
