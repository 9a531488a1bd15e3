// One pass of a Program as launches: which tasks become one stage, which stages one kernel, and
// where tensors are.
#pragma once

#include <optional>
#include <vector>

#include "cuda/dense.h"
#include "cuda/parameters.h"
#include "cuda/rows.h"

namespace neurode::cuda {

class PassRunner {
 public:
  // `usual_rows`: how many rows a batch has, 0 if their number decides (see dense_forward).
  PassRunner(const Program& program, const Pass& pass, const Parameters& parameters,
             int usual_rows);

  // Takes memory for batches of up to `rows`. Returns whether tensors have moved.
  bool reserve(int rows, cudaStream_t stream);

  // Launches for one batch. All but a prediction end with the sums and the state of the next batch.
  // `weighted`: the rows have weights; `update`: weights of a training pass change.
  void enqueue(Launcher& launcher, RunState* state, int rows, double* sums, bool weighted = false,
               bool update = true) const;

  const float* output() const { return tensors_[pass_.output].data; }
  int output_stride() const { return tensors_[pass_.output].stride; }

 private:
  // A stage with its tensors by number.
  struct Draft {
    Stage stage;
    int input = -1, z = -1, output = -1, auxiliary = -1, gradient = -1, input_gradient = -1;
  };

  void add_stages();
  void add_stage(const Task& task, const Task* next);
  void find_direct_input();
  void find_slice();
  bool touches(const Draft& draft, int tensor) const;
  Stage on_device(const Draft& draft) const;
  void lay_out_slice();
  void enqueue_stages(Launcher& launcher, const StepRecord& step) const;
  std::vector<WeightLayer> weight_layers() const;

  const Program& program_;
  const Pass& pass_;
  const Parameters& parameters_;
  const int usual_rows_;
  std::vector<Draft> drafts_;
  std::vector<Task> weights_;
  std::vector<bool> used_;     // tensors that need global memory
  bool direct_input_ = false;  // only dense layers read the input: straight from the bound data
  int sliced_from_ = -1;       // stages from here on run in one kernel
  Slice slice_{};
  std::vector<int> loads_, saves_;  // tensors that the slices read, and leave
  std::vector<int> shared_offsets_;
  std::vector<Operand> tensors_;
  DeviceMemory memory_;
  int capacity_ = 0;
  float* values_ = nullptr;
  float* partials_ = nullptr;
  std::uint32_t* counters_ = nullptr;
};

}  // namespace neurode::cuda
