// A model's parameters and optimizer variables in device memory. Rows of kernels are padded with
// zeros to a multiple of four floats.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/runtime/device.h"
#include "native/engine/program.h"

namespace neurode::cuda {

constexpr int kPiece = 4 * kThreads;  // floats; sums over a parameter are sums over its pieces

// Values and optimizer variables, which Programs over the same parameters have in common.
struct SharedParameters {
  struct Place {
    std::int64_t values, slots;  // offsets in memory, in floats
    std::int64_t size;
    int rows, columns, stride;
  };
  std::vector<Place> places;
  std::int64_t all_slots = 0;  // floats of one slot, over all parameters
  DeviceMemory memory;
  std::uint64_t version = 0;  // counts the changes of values
};

// The parameters of one Program: those that it may share, and gradients of its own.
class Parameters {
 public:
  Parameters(Device& device, const Program& program);
  // Those of another Program. Throws if they differ in number or size.
  Parameters(Device& device, const Program& program, const Parameters& sibling);

  // `values` are in Keras' order. `slot` -1 is the parameter itself.
  void get(int slot, int index, float* values) const;
  void set(int slot, int index, const float* values);
  void get_gradient(int index, float* values) const;
  void set_gradient(int index, const float* values);

  std::uint64_t version() const { return shared_->version; }
  // To be called before values change.
  void changes() { ++shared_->version; }
  // Copies what moving statistics are to the place of their gradients, or back.
  void begin_statistics();
  void end_statistics(int index);

  // Floats in memory, with padding.
  std::int64_t floats_of(int index) const { return place_of(index).size; }
  int stride(int index) const { return shared_->places[index].stride; }
  // Returns null for index -1.
  float* values(int index) const { return index < 0 ? nullptr : at(-1, index); }
  // Where the task that computes the gradient of a parameter writes the gradient: into the arena
  // or, of a part of a batch, at a level of the sums over parts (see tree_place).
  WeightsRecord record(int index, bool adds = false, int level = 0) const;
  // One record for each parameter that a later launch updates.
  std::vector<DeferredRecord> deferred() const;
  // The parameters whose regularizer works on whole rows or columns.
  std::vector<MatrixRecord> matrices() const;
  std::vector<ConstraintRecord> constraints() const;

  // The gradient that waits for its update, or that of a part of a batch. Level 0 is the arena.
  float* gradient(int index, int level = 0) const { return sums(level) + gradients_[index]; }
  // Gradients and moving statistics that are sums over the parts of a batch, one after the other.
  float* sums(int level = 0) const { return arena_.floats() + level * level_floats_; }
  std::int64_t summed_floats() const { return summed_; }
  // Whether the parameter moves with the statistics of each part of a batch.
  bool is_moving(int index) const { return moving_[index]; }

 private:
  using Place = SharedParameters::Place;
  const Place& place_of(int index) const { return shared_->places[index]; }
  float* at(int slot, int index) const {
    const Place& place = place_of(index);
    return shared_->memory.floats() +
           (slot < 0 ? place.values : place.slots + slot * shared_->all_slots);
  }
  void take_memory();
  void take_arena();
  void download(const float* from, int index, float* values) const;
  void upload(const float* values, int index, float* to) const;
  void copy(const float* from, int index, float* to) const;
  WeightsRecord updated(int index) const;

  Device& device_;
  const Program& program_;
  const std::shared_ptr<SharedParameters> shared_;
  const int optimizer_slots_;
  std::vector<bool> moving_;  // statistics that a training pass moves
  std::vector<std::int64_t>
      gradients_;                  // offsets in arena_, in floats; -1: it has no gradient there
  std::int64_t summed_ = 0;        // floats at the beginning of arena_ that are sums over parts
  std::int64_t level_floats_ = 0;  // how far levels of these sums are from each other
  DeviceMemory arena_;             // gradients, then levels
};

}  // namespace neurode::cuda
