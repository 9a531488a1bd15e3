// The tables of which a step's gradients are computed for those vectors alone that its batch names.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "native/cpu/kernels.h"
#include "native/cpu/parameters.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

class NamedTables {
 public:
  NamedTables(const Program& program, const Pass& pass, Parameters& parameters);

  // Takes the memory that so many threads need for a batch of so many rows.
  void reserve(int threads, int rows);
  // What a thread keeps of a table; null where the table is none of these.
  NamedVectors* of(int parameter, int thread);

 private:
  struct OfThread {
    std::vector<std::int32_t> vectors;
    Uninitialized<float> sums;
    NamedVectors named{};
  };
  struct NamedTable {
    int parameter;
    std::int64_t indices = 0;  // that a row of the batch has
    std::vector<std::int32_t> places;
    std::vector<OfThread> threads;
  };

  const Program& program_;
  Parameters& parameters_;
  std::vector<NamedTable> tables_;
};

}  // namespace neurode::cpu
