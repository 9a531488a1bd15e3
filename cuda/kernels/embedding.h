// Embeddings: rows of a table by index, and the gradient of the table.
#pragma once

#include "cuda/kernels/records.h"
#include "cuda/runtime/launch.h"

namespace neurode::cuda {

// `indices` indices of a row become so many vectors of the table (vectors, size).
struct EmbeddingRecord {
  int indices, vectors, size;
  const float* table;
  int table_stride;
  Tensor input, output, gradient;
};

void embedding_forward(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step);

// d table goes to `table`.
void embedding_gradients(Launcher& launcher, const EmbeddingRecord& record, const StepRecord& step,
                         const WeightsRecord& table);

}  // namespace neurode::cuda
