// The CPU executor: interprets a Program with a team of threads and the kernels of one instruction
// set.
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "native/cpu/kernels.h"
#include "native/cpu/memory.h"
#include "native/cpu/thread_choice.h"
#include "native/cpu/threads.h"
#include "native/engine/executor.h"

namespace neurode::cpu {

// [begin, end) of thread's part of `count`.
struct Part {
  int begin, end;
};
inline Part part(int count, int thread, int threads) {
  return {static_cast<int>(std::int64_t{count} * thread / threads),
          static_cast<int>(std::int64_t{count} * (thread + 1) / threads)};
}

inline int round_up(int value, int multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

inline void grow(Floats& memory, std::int64_t size) {
  if (memory.size() < size) memory = Floats(size);
}

// Rows of a batch cut into panels of whole vectors, all but equal, as many for each thread.
struct Cut {
  std::vector<int> rows;
  std::vector<int> first;
  int panels() const { return static_cast<int>(rows.size()); }
};
Cut cut_rows(std::int64_t rows, int threads);
// All panels full but the last.
Cut cut_whole_panels(std::int64_t rows);

// A pass with the place of every tensor in a panel's memory, (positions, features, kPanel): the
// same memory before and after the features are grouped by positions.
struct PassLayout {
  explicit PassLayout(const Pass& pass);
  const Pass& pass;
  std::vector<std::int64_t> offset;  // floats
  std::int64_t size = 0;             // floats a panel
};

// Panels that go through a task together, so that they share what is read of its weights.
constexpr int kTogether = 2;

// Below this many floating-point operations a thread costs more to wake, or to wait for, than it
// brings.
constexpr double kWorthWaking = 2e6;
constexpr double kWorthABarrier = 2e5;
// Single rows that cost through panels what it costs to pack the kernels for them.
constexpr int kWorthPacking = 8;

// Rows that panels and slices are cut at.
constexpr int kGroup = kAlignment;

// Floats of a parameter that are a piece of work; sums over a parameter are sums over its pieces.
constexpr int kPiece = 4096;

class CpuExecutor final : public Executor {
 public:
  CpuExecutor(Program program, const Kernels& kernels, std::shared_ptr<ThreadTeam> team);

  void get_parameter(int index, float* values) const override;
  void set_parameter(int index, const float* values) override;
  void get_slot(int slot, int index, float* values) const override;
  void set_slot(int slot, int index, const float* values) override;
  Sums train(const BatchRange& range, const float* learning_rates, std::int64_t& step,
             const std::atomic<bool>& cancelled) override;
  Sums evaluate(const BatchRange& range, const std::atomic<bool>& cancelled) override;
  void predict(const InputView& input, float* output, const std::atomic<bool>& cancelled) override;
  void predict_here(const InputView& input, float* output) override;

 private:
  // A kernel as (units, stride), a table as (rows, stride), or a vector; its gradient where that is
  // not used up at once; optimizer variables alike. Past the last element are zeros up to `size`.
  struct Weights {
    std::int64_t stride;
    std::int64_t size;
    Floats values;
    Floats gradient;
    std::vector<Floats> slots;
    int first_piece;                // among the pieces of all parameters
    std::vector<double> penalties;  // of the regularizer, by piece or by vector of a matrix
  };

  // A kernel for single rows, and zeros where its layer has no bias.
  struct PackedKernel {
    Floats kernel, no_bias;
  };

  // A kernel or a table as it lies in memory: of each line `length` floats count.
  struct Matrix {
    int lines, length;
    std::int64_t stride;
  };

  // Floats [begin, begin + count) of a parameter, and the tasks of a segment that are on it.
  struct Piece {
    int parameter;
    std::int64_t begin;
    int count;
    int index;  // among the pieces of all parameters
    int first_task, tasks;
  };

  // A segment of the training pass. `tasks` of Axis::parameters are sorted by parameter.
  struct TrainingSegment {
    Axis axis;
    std::vector<Task> tasks;
    std::vector<Piece> pieces;  // Axis::parameters
  };

  // Where the tasks of some panels read and write.
  struct PanelContext {
    const PassLayout& layout;
    float* memory;  // of the first panel
    Panels panels;
    InputView input;
    TargetsView targets;
    const std::uint32_t* order;
    std::int64_t batch_start;  // position of the batch's first row
    const int* first_rows;     // of the panels, in the batch
    float loss_scale = 1;
    std::int64_t step = 0;
    float* values =
        nullptr;  // of the first panel: (positions, row_values(), kPanel), losses and metrics
    const float* gradients = nullptr;  // of the batch's rows, in place of targets
    float* captured = nullptr;         // of the batch's rows
    float activity_scale = 1;          // of the gradients of penalties of outputs
  };

  struct TrainingRange;
  struct TrainingStep {
    const Cut& cut;
    RowsView rows;
    float* memory;      // of all panels
    std::int64_t step;  // steps taken before this one
    float learning_rate;
    bool update;  // weights and moving statistics
  };

  const float* values(int parameter) const {
    return parameter < 0 ? nullptr : weights_[parameter].values.data();
  }
  InputView scaled(InputView input) const;
  void add_parameter(const Parameter& parameter);
  void add_statistics();
  void add_segments();
  void cut_into_pieces(TrainingSegment& segment) const;
  void run_on_panels(const Task& task, const PanelContext& context) const;
  void run_on_panel(const Task& task, const PanelContext& context, int panel) const;
  void rearrange(const Task& task, const Pass& pass, const float* x, float* y, int line,
                 int lanes) const;
  void capture(const PanelContext& context) const;
  // Of a row.
  std::int64_t captured_floats() const {
    return program_.positions * (2 * std::int64_t{program_.outputs()} + 1);
  }
  void loss(const Task& task, const PanelContext& context, int panel, float* values) const;

  void run_rows(const TrainingSegment& segment, const TrainingRange& range,
                const TrainingStep& step, int thread);
  Normalizer normalizer(const Task& task) const;
  Table table(const Task& task) const;

  void run_on_outputs(const Task& task, const TrainingStep& step, int thread, int threads);
  void dense_backward_weights(const Task& task, const TrainingStep& step, int thread, int threads);
  BatchLines batch_lines(const Task& task, const TrainingStep& step) const;
  float* gradient_of(int parameter);
  void run_on_channels(const Task& task, const TrainingStep& step, int thread, int threads);
  void embedding_gradients(const Task& task, const TrainingStep& step, int thread, int threads);
  void finish_gradient(int parameter, int begin, int end, const TrainingStep& step);
  OptimizerStep optimizer_step(int parameter, const TrainingStep& step) const;
  void run_pieces(const TrainingSegment& segment, const TrainingStep& step, int thread,
                  int threads);
  bool updates(const TrainingStep& step) const;
  bool has_norms() const;
  void accumulate(const Piece& piece, const TrainingStep& step);
  void update(const Piece& piece, const TrainingStep& step, float gradient_scale);
  void optimize(const Piece& piece, const TrainingStep& step, float gradient_scale);
  void average(const Piece& piece, const TrainingStep& step);
  float clip_scale(int parameter) const;
  void penalize(const Piece& piece, bool learns);
  Matrix matrix_of(int parameter) const;
  void penalize_matrix(int parameter, int thread, int threads, bool learns);
  std::int64_t penalty_scratch() const;
  void grow_scratch(int threads, std::int64_t floats);
  void measure_penalties(const TrainingSegment& segment, int thread, int threads);
  double penalty() const;
  void constrain(int parameter, int thread, int threads);

  void predict_panels(const InputView& input, std::int64_t first, const Cut& cut, int panel,
                      int count, float* memory, float* output) const;
  void predict_row(const InputView& input, float* output);
  const PackedKernel& packed(int kernel);
  void weights_change();
  double forward_operations(std::int64_t rows) const;
  void copy_out(const Floats& from, int index, float* values) const;
  void copy_in(Floats& to, int index, const float* values) const;

  const Program program_;
  const Kernels& kernels_;
  const std::shared_ptr<ThreadTeam> team_;
  ThreadChoice choice_;  // of training steps
  const int optimizer_slots_;
  std::vector<Weights> weights_;
  int pieces_ = 0;
  const bool has_positions_;  // a dense layer with several
  const PassLayout predict_;
  const PassLayout evaluate_;
  const PassLayout train_;
  std::vector<TrainingSegment> segments_;
  std::vector<BatchStatistics> statistics_;  // of a training batch
  std::vector<Floats> statistics_memory_;    // (kStatistics, stride)
  Floats panels_;  // train, evaluate, predict: the panels of a batch, or one for each thread
  Floats here_;    // predict_here: one panel, or one row
  std::map<int, PackedKernel> packed_;  // by parameter, of the weights as they are
  int single_rows_ = 0;                 // predicted with the weights as they are
  Floats row_values_;                   // losses and metrics of rows
  std::vector<double> square_sums_;     // of gradients, by piece
  std::vector<Floats> scratch_;  // a thread's, for weight gradients and penalties of matrices
};

}  // namespace neurode::cpu
