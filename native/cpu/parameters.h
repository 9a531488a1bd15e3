// A model's parameters on the CPU, their gradients that wait for an update, and optimizer
// variables.
#pragma once

#include <vector>

#include "native/cpu/kernels.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Floats of a parameter that are a piece of work; sums over a parameter are sums over its pieces.
constexpr int kPiece = 4096;

// A kernel as (units, stride), a table as (rows, stride), or a vector; its gradient, unless that is
// used up where it is computed; its optimizer variables. All have the same shape, and zeros from a
// line's last element to the stride.
struct ParameterMemory {
  std::int64_t stride;
  std::int64_t size;  // floats, with the zeros
  Floats values;
  Floats gradient;
  std::vector<Floats> slots;
  int first_piece;  // among the pieces of all parameters

  int pieces() const { return static_cast<int>((size + kPiece - 1) / kPiece); }
};

// A kernel or a table as it lies in memory: lines of which `length` floats count.
struct Matrix {
  int lines, length;
  std::int64_t stride;
};

class Parameters {
 public:
  // With their first values.
  explicit Parameters(const Program& program);

  // In Keras order. `slot` -1: the parameter itself.
  void get(int slot, int index, float* values) const;
  void set(int slot, int index, const float* values);

  int count() const { return static_cast<int>(memory_.size()); }
  int pieces() const { return pieces_; }
  ParameterMemory& operator[](int index) { return memory_[index]; }
  const ParameterMemory& operator[](int index) const { return memory_[index]; }

  // Null for -1.
  const float* values(int index) const {
    return index < 0 ? nullptr : memory_[index].values.data();
  }
  Normalizer normalizer(const Task& task) const;
  Table table(const Task& task) const;
  Matrix matrix(int index) const;

 private:
  void add(const Parameter& parameter);

  const Program& program_;
  std::vector<ParameterMemory> memory_;
  int pieces_ = 0;
};

}  // namespace neurode::cpu
