// A model's parameters on the CPU, their gradients that wait for an update, and optimizer
// variables.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "native/cpu/cuts.h"
#include "native/cpu/kernels.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::cpu {

// Floats of a parameter that are a piece of work; sums over a parameter are sums over its pieces.
constexpr int kPiece = 4096;

// A kernel as (units, stride), a table as (rows, stride), or a vector, and its optimizer variables.
// All have the same shape, and zeros from a line's last element to the stride.
struct ParameterMemory {
  std::int64_t stride;
  std::int64_t size;  // floats, with the zeros
  Floats values;
  std::vector<Floats> slots;
  int first_piece;  // among the pieces of all parameters

  int pieces() const { return static_cast<int>((size + kPiece - 1) / kPiece); }
};

// A kernel or a table as it lies in memory: lines of which `length` floats count.
struct Matrix {
  int lines, length;
  std::int64_t stride;
};

// Values and optimizer variables, which Programs over the same parameters have in common.
struct SharedParameters {
  std::vector<ParameterMemory> memory;
  int pieces = 0;
  std::uint64_t version = 0;  // counts the changes of values
};

// Where gradients lie in the arena. Those that are sums over the parts of a batch come first, and
// of these, those that are computed at the end of the backward pass. With parts, the values that a
// step would give to moving statistics are such sums, too.
struct GradientPlan {
  std::vector<std::int64_t> offset;  // of a parameter, in floats; -1: its gradient is not kept
  std::int64_t at_end = 0;           // floats of gradients from the end of the backward pass
  std::int64_t summed = 0;           // floats of sums over parts, with those
  // Floats that ranks exchange: the sums, the number of ranks that are cancelled, and padding up to
  // equal slices of whole cache lines. 0: no other process has parts of the batch.
  std::int64_t exchanged = 0;
  std::int64_t size = 0;  // floats of all
};
// Whether sums over parts are not all complete where they are computed.
inline bool needs_exchange(const GradientPlan& plan) {
  return plan.exchanged > 0 || plan.summed > plan.at_end;
}

// The parameters of one Program: those that it may share, and gradients of its own.
class Parameters {
 public:
  // With their first values.
  explicit Parameters(const Program& program);
  // Those of another Program. Throws if they differ in number or size.
  Parameters(const Program& program, const Parameters& sibling);

  // In Keras order. `slot` -1: the parameter itself.
  void get(int slot, int index, float* values) const;
  void set(int slot, int index, const float* values);
  // A thread's part of all gradients, by parameter; nothing where there is a null.
  void get_gradients(std::span<float* const> values, int thread, int threads);
  void set_gradients(std::span<const float* const> values, int thread, int threads);

  int count() const { return static_cast<int>(shared_->memory.size()); }
  int pieces() const { return shared_->pieces; }
  ParameterMemory& operator[](int index) { return shared_->memory[index]; }
  const ParameterMemory& operator[](int index) const { return shared_->memory[index]; }

  // Null for -1.
  const float* values(int index) const {
    return index < 0 ? nullptr : shared_->memory[index].values.data();
  }
  // The gradient that waits for its update, shaped as the values.
  float* gradient(int index) { return gradients_.data() + plan_.offset[index]; }
  const GradientPlan& gradient_plan() const { return plan_; }
  // All gradients that are sums over parts, and what follows them in an exchange.
  float* summed_gradients() { return gradients_.data(); }
  // Whether the parameter is a table of whose gradient only the vectors that a batch names differ
  // from 0: then nothing walks through all of it to compute it.
  bool has_named_gradient(int index) const;
  std::uint64_t version() const { return shared_->version; }
  // To be called before values change.
  void changes() { ++shared_->version; }
  Normalizer normalizer(const Task& task) const;
  Table table(const Task& task) const;
  Matrix matrix(int index) const;

 private:
  void add(const Parameter& parameter);
  void plan_gradients();
  Part rows_of(int index, int thread, int threads) const;
  void copy_to(int index, const float* from, Part rows, float* values) const;
  void copy_from(int index, const float* values, Part rows, float* to) const;

  const Program& program_;
  const std::shared_ptr<SharedParameters> shared_;
  GradientPlan plan_;
  Floats gradients_;  // the arena
};

}  // namespace neurode::cpu
