// The wide layers of a pass: their products, the copies that the products read, and the memory for
// both.
#pragma once

#include <vector>

#include "cuda/kernels/records.h"
#include "cuda/parameters.h"
#include "cuda/pass_plan.h"
#include "cuda/runtime/arena.h"
#include "cuda/wide_layers.h"

namespace neurode::cuda {

// By tensor: whether the copy is up to date with the tensor.
using FreshCopies = std::vector<bool>;

inline Tensor tensor_of(const std::vector<Operand>& tensors, int index) {
  return index < 0 ? Tensor{} : Tensor{tensors[index].data, tensors[index].stride};
}

class WidePass {
 public:
  // `tensors` are the tensors of the pass. Their addresses must be set before anything is enqueued.
  WidePass(const PassPlan& plan, const WideLayers& layers, const Parameters& parameters,
           const std::vector<Operand>& tensors)
      : plan_(plan), layers_(layers), parameters_(parameters), tensors_(tensors) {}

  // Reserves places in the arena for batches of up to `rows` rows. The caller provides the
  // counters, which must be zero at first.
  void reserve(Arena& arena, int rows);
  std::int64_t counters(int rows) const;
  // Sets the addresses, once the memory is allocated.
  void use(char* memory, std::uint32_t* counters);

  void enqueue(Launcher& launcher, const PlannedStage& stage, const StepRecord& step,
               FreshCopies& fresh) const;
  // Gradients of a part of a batch are stored at `level` of the sums over parts.
  void enqueue_weights(Launcher& launcher, const PlannedLaunch& launch, const StepRecord& step,
                       int level, FreshCopies& fresh) const;

 private:
  std::vector<const Task*> tasks() const;
  WeightsSplit split(const Task& task, int rows) const;
  bool uses_library() const { return layers_.has_library() && !plan_.predicts; }
  const LibraryMemory* library() const { return uses_library() ? &library_ : nullptr; }
  std::int64_t library_sums(int rows) const;
  std::int64_t library_gradients() const;
  Copy copy_of(int tensor) const { return tensor < 0 ? Copy{} : copies_[tensor]; }
  Tensor tensor(int index) const { return tensor_of(tensors_, index); }
  Matrix operand(Launcher& launcher, const StepRecord& step, int tensor, FreshCopies& fresh) const;
  void forward(Launcher& launcher, const PlannedStage& stage, const StepRecord& step,
               FreshCopies& fresh) const;
  void backward_input(Launcher& launcher, const PlannedStage& stage, const StepRecord& step,
                      FreshCopies& fresh) const;

  const PassPlan& plan_;
  const WideLayers& layers_;
  const Parameters& parameters_;
  const std::vector<Operand>& tensors_;
  // Offsets in the pass's memory.
  std::vector<std::int64_t> copies_at_;  // by tensor
  std::int64_t partials_at_ = 0, sums_at_ = 0, gradients_at_ = 0;
  int rows_ = 0;
  std::vector<Copy> copies_;  // by tensor
  float* partials_ = nullptr;
  std::uint32_t* counters_ = nullptr;
  LibraryMemory library_;
};

}  // namespace neurode::cuda
