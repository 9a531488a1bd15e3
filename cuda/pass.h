// One pass of a Program as launches: which tasks become one stage, which stages one kernel, and
// where tensors are.
#pragma once

#include <optional>
#include <vector>

#include "cuda/kernels/dense.h"
#include "cuda/kernels/features.h"
#include "cuda/kernels/rows.h"
#include "cuda/parameters.h"
#include "cuda/updates.h"
#include "cuda/wide/wide.h"

namespace neurode::cuda {

class PassRunner {
 public:
  // `usual_rows`: how many rows a batch has, 0 if their number decides (see dense_forward).
  PassRunner(Device& device, const Program& program, const Pass& pass, const Parameters& parameters,
             const Updates& updates, const WideLayers& wide, int usual_rows);

  // Takes memory for batches of up to `rows`. Returns whether tensors have moved.
  bool reserve(int rows);

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
    const Task* by_channel = nullptr;  // the stage is this task, for run_channel_elements
    int kernel = -1;
    int positions = 1;  // its tensors have so many rows for one of the batch
    int input = -1, z = -1, output = -1, auxiliary = -1, gradient = -1, input_gradient = -1;
  };

  // What is launched for a part of a segment.
  struct Launch {
    enum class Kind { stages, channels, weights, parameters } kind;
    int begin, end;                    // of drafts_ or weights_
    TaskKind task;                     // parameters: for all of them that have it
    int wide_begin = 0, wide_end = 0;  // of wide_weights_
  };

  void add_launches();
  void add_stages(const Segment& segment);
  void add_outputs(const Segment& segment);
  void add_parameters(const Segment& segment);
  void add_stage(const Task& task, const Task* next);
  void find_direct_input();
  void find_slice();
  bool touches(const Draft& draft, int tensor) const;
  Stage on_device(const Draft& draft) const;
  void lay_out_slice();
  void enqueue_stages(Launcher& launcher, const Launch& stages, const StepRecord& step,
                      std::vector<bool>& fresh) const;
  ChannelRecord channels(const Task& task) const;
  std::vector<WeightLayer> weight_layers(const Launch& weights) const;
  int first_stage() const { return direct_input_ ? 1 : 0; }

  // wide_pass.cu. `fresh`: tensors whose copies hold what the tensors do.
  bool is_wide(const Draft& draft) const;
  void find_copies();
  std::int64_t copy_elements(int rows) const;
  void place_copies(int rows, BFloat16* memory);
  bool uses_library() const;
  const LibraryMemory* library() const;
  std::int64_t library_sums(int rows) const;
  std::int64_t library_gradients() const;
  std::vector<WeightsSplit> wide_splits(int rows) const;
  Copy copy_of(int tensor) const;
  Tensor tensor(int index) const;
  Matrix operand(Launcher& launcher, const StepRecord& step, int index,
                 std::vector<bool>& fresh) const;
  void enqueue_wide(Launcher& launcher, const Draft& draft, const StepRecord& step,
                    std::vector<bool>& fresh) const;
  void enqueue_wide_weights(Launcher& launcher, const Launch& weights, const StepRecord& step,
                            std::vector<bool>& fresh) const;

  Device& device_;
  const Program& program_;
  const Pass& pass_;
  const Parameters& parameters_;
  const Updates& updates_;
  const WideLayers& wide_;
  const int usual_rows_;
  std::vector<Launch> launches_;
  std::vector<Draft> drafts_;
  std::vector<Task> weights_, wide_weights_;
  std::vector<bool> used_;     // tensors that need global memory
  bool direct_input_ = false;  // only dense layers read the input: straight from the bound data
  int sliced_from_ = -1;       // stages from here on run in one kernel
  Slice slice_{};
  std::vector<int> loads_, saves_;  // tensors that the slices read, and leave
  std::vector<int> shared_offsets_;
  std::vector<Operand> tensors_;
  DeviceMemory memory_;
  DeviceMemory statistics_memory_;
  std::vector<float*> statistics_;
  int capacity_ = 0;
  float* values_ = nullptr;
  float* partials_ = nullptr;
  std::uint32_t* counters_ = nullptr;
  std::vector<bool> copied_;  // tensors that wide layers read rounded to bfloat16
  std::vector<Copy> copies_;
  float* wide_partials_ = nullptr;
  std::uint32_t* wide_counters_ = nullptr;
  LibraryMemory library_memory_;
};

}  // namespace neurode::cuda
