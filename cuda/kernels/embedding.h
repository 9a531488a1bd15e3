// Embeddings: lookup of table rows by index, and the gradient of the table.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// Replaces each of a row's `indices` indices, or each `bag` of them, by a vector of the table,
// which is (vectors, size), or by the sum or mean of theirs. Bags leave out the index `padding`.
struct EmbeddingRecord {
  int indices, vectors, size;
  int bag, averages;  // bag 0: every index by itself
  int padding;
  const float* table;
  int table_stride;
  Tensor input, output, gradient;
};

void embedding_forward(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step);

// Layers that look up vectors of one table.
struct EmbeddingUses {
  int count = 0;
  EmbeddingRecord uses[kMostTableUses];
};

// Sums d table; `table` says where the gradient goes.
void embedding_gradients(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step,
                         const WeightsRecord& table);

// Sums the gradients of those vectors that the batch names, and updates them.
void update_named(Launcher& launcher, const EmbeddingUses& uses, const StepRecord& step,
                  const WeightsRecord& table, const OpRecord& optimizer);

}  // namespace neurode::cuda
