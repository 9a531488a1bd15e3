// Embeddings: lookup of table rows by index, and the gradient of the table.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// Replaces each of a row's `indices` indices by a vector of the table, which is (vectors, size).
struct EmbeddingRecord {
  int indices, vectors, size;
  const float* table;
  int table_stride;
  Tensor input, output, gradient;
};

void embedding_forward(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step);

// Sums d table; `table` says where the gradient goes.
void embedding_gradients(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step,
                         const WeightsRecord& table);

}  // namespace neurode::cuda
