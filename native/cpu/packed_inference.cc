// Dense networks frozen for inference on the CPU: kernels packed once, rows in small blocks through
// all layers.
#include "native/cpu/packed_inference.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "native/cpu/affine.h"
#include "native/cpu/forward_cost.h"
#include "native/engine/flush_subnormals.h"
#include "native/engine/memory.h"
#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// Rows of a block, so that its activations stay in cache.
constexpr int kMostRows = 32;
constexpr int kBlockFloats = 1 << 20;

int padded(int features) { return (features + kAlignment - 1) / kAlignment * kAlignment; }

// Memory that belongs to the calling thread, and that all models use in turn.
float* workspace(std::int64_t floats) {
  thread_local Floats memory;
  if (memory.size() < floats) memory = Floats(floats);
  return memory.data();
}

class CpuInference final : public Inference {
 public:
  CpuInference(const Program& program, const Kernels& kernels, std::shared_ptr<ThreadTeam> team,
               const ParameterValues& values)
      : kernels_(kernels),
        team_(std::move(team)),
        cost_(forward_cost(program, kernels)),
        input_size_(program.input_size),
        output_size_(program.output_size) {
    const std::vector<Task>& tasks = program.predict.tasks;
    const auto features = [&](int tensor) { return program.predict.features[tensor]; };
    std::vector<Affine> maps;  // not yet folded into a layer
    if (program.input_scale != 1 || program.input_offset != 0) {
      const Task rescaling{.kind = TaskKind::rescale_forward,
                           .scale = program.input_scale,
                           .offset = program.input_offset};
      maps.push_back(*affine_of(rescaling, input_size_, values));
    }
    // Moves the maps of tasks from `i` on into `to`, and returns the first task that is no map.
    const auto take_maps = [&](std::size_t i, std::vector<Affine>& to) {
      for (; i < tasks.size(); ++i) {
        std::optional<Affine> map = affine_of(tasks[i], features(tasks[i].output), values);
        if (!map) break;
        to.push_back(std::move(*map));
      }
      return i;
    };
    int widest = input_size_;
    for (const Task& task : tasks) widest = std::max(widest, features(task.output));
    for (std::size_t i = take_maps(1, maps); i < tasks.size(); i = take_maps(i, maps)) {
      const Task& task = tasks[i++];
      if (task.kind == TaskKind::dense_forward) {
        std::vector<Affine> after;
        i = take_maps(i, after);
        add_dense({values[task.kernel], task.bias >= 0 ? values[task.bias] : nullptr,
                   features(task.input), features(task.output)},
                  std::exchange(maps, {}), after);
      } else {
        add_maps(std::exchange(maps, {}));
        add_activation(task.op, features(task.output));
      }
    }
    add_maps(std::move(maps));
    rows_ = std::clamp(kBlockFloats / widest, 1, kMostRows);
    block_ = std::int64_t{rows_} * padded(widest);
    panel_ = std::int64_t{kPanel} * widest_panel_;
  }

  void predict(const InputView& input, float* output,
               const std::atomic<bool>& cancelled) const override {
    Blocks blocks(*this, input, output, cancelled);
    team_->run(threads_for(input.rows), [&](int) { blocks.work(); });
  }

  void predict_here(const InputView& input, float* output) const override {
    const FlushSubnormals flush;
    const std::atomic<bool> never{false};
    Blocks blocks(*this, input, output, never);
    const int threads = threads_for(input.rows);
    if (threads == 1 || !team_->try_run(threads, [&](int) { blocks.work(); })) blocks.work();
  }

 private:
  enum class Kind { dense, activation, affine };

  struct Step {
    Kind kind;
    int features;  // of its output
    int inputs = 0;
    Floats kernel, bias;  // packed and padded
    Op op = {};
    std::optional<Affine> map = {};
  };

  struct Dense {
    const float* kernel;
    const float* bias;
    int inputs, units;
  };

  // Blocks of rows, which threads take one after the other.
  struct Blocks {
    const CpuInference& of;
    const InputView& input;
    float* const output;
    const std::atomic<bool>& cancelled;
    std::atomic<std::int64_t> next{0};

    Blocks(const CpuInference& of, const InputView& input, float* output,
           const std::atomic<bool>& cancelled)
        : of(of), input(input), output(output), cancelled(cancelled) {}

    void work() {
      for (std::int64_t first;
           (first = next.fetch_add(of.rows_, std::memory_order_relaxed)) < input.rows;) {
        if (cancelled.load(std::memory_order_relaxed)) return;
        of.predict_block(input, first, output);
      }
    }
  };

  int threads_for(std::int64_t rows) const {
    const std::int64_t blocks = (rows + rows_ - 1) / rows_;
    const int most = static_cast<int>(std::min<std::int64_t>(team_->size(), blocks));
    return threads_worth_waking(cost_, rows, most);
  }

  void add_dense(const Dense& dense, std::vector<Affine> before, std::vector<Affine> after) {
    if (before.empty() && after.empty()) return pack(dense);
    std::optional<FoldedDense> folded =
        fold(dense.kernel, dense.bias, dense.inputs, dense.units, before, after);
    if (!folded) {
      add_maps(std::move(before));
      folded = fold(dense.kernel, dense.bias, dense.inputs, dense.units, {}, after);
    }
    if (folded)
      return pack({folded->kernel.data(), folded->bias.data(), dense.inputs, dense.units});
    pack(dense);
    add_maps(std::move(after));
  }

  void pack(const Dense& dense) {
    Step step{Kind::dense, dense.units, dense.inputs};
    step.kernel = Floats(std::int64_t{dense.inputs} * padded(dense.units));
    kernels_.pack_kernel(dense.kernel, dense.inputs, dense.units, step.kernel.data());
    step.bias = Floats(padded(dense.units));
    if (dense.bias != nullptr) std::copy_n(dense.bias, dense.units, step.bias.data());
    steps_.push_back(std::move(step));
  }

  void add_maps(std::vector<Affine> maps) {
    for (Affine& map : maps) {
      const int features = static_cast<int>(map.scale.size());
      Step step{Kind::affine, features};
      step.map = std::move(map);
      steps_.push_back(std::move(step));
    }
  }

  void add_activation(const Op& op, int features) {
    if (!neurode::activation_row(op.row).pointwise)
      widest_panel_ = std::max(widest_panel_, features);
    Step step{Kind::activation, features};
    step.op = op;
    steps_.push_back(std::move(step));
  }

  // Activations of a block are (rows, stride) in one of two buffers; each dense layer writes to the
  // buffer that it does not read.
  void predict_block(const InputView& view, std::int64_t first, float* output) const {
    float* const memory = workspace(2 * block_ + panel_);
    const int rows = static_cast<int>(std::min<std::int64_t>(rows_, view.rows - first));
    const float* input = nullptr;  // the caller's rows, until the first layer has read them
    float* current = gather(view, first, rows, memory, input);
    std::int64_t stride = input_size_;
    for (const Step& step : steps_) {
      switch (step.kind) {
        case Kind::dense: {
          float* const next = current == memory ? memory + block_ : memory;
          kernels_.infer_dense(step.kernel.data(), step.bias.data(), step.inputs, step.features,
                               input != nullptr ? input : current, stride, rows, next,
                               padded(step.features));
          stride = padded(step.features);
          current = next;
          input = nullptr;
          break;
        }
        case Kind::affine:
          for (int r = 0; r < rows; ++r) step.map->apply(current + r * stride);
          break;
        case Kind::activation:
          activate(step, current, stride, rows, memory + 2 * block_);
      }
    }
    float* row = output + first * output_size_;
    for (int i = 0; i < rows; ++i, row += output_size_)
      std::copy_n(current + i * stride, output_size_, row);
  }

  // Rows are not copied where a dense layer comes first and reads them unscaled.
  float* gather(const InputView& view, std::int64_t first, int rows, float* memory,
                const float*& input) const {
    const float scale = view.scale, offset = view.offset;
    const std::int64_t from = first * input_size_, count = std::int64_t{rows} * input_size_;
    if (view.bytes != nullptr) {
      kernels_.scale_bytes(view.bytes + from, count, scale, offset, memory);
    } else if (scale == 1 && offset == 0 && !steps_.empty() && steps_.front().kind == Kind::dense) {
      input = view.floats + from;
    } else {
      kernels_.scale_floats(view.floats + from, count, scale, offset, memory);
    }
    return memory;
  }

  void activate(const Step& step, float* values, std::int64_t stride, int rows,
                float* panel) const {
    const Op& op = step.op;
    if (neurode::activation_row(op.row).pointwise) {
      // All rows in one call, together with their padding.
      kernels_.activation_row(op, {}, values, values, static_cast<int>(rows * stride));
      return;
    }
    for (int r = 0; r < rows; ++r) {
      for (int f = 0; f < step.features; ++f)
        panel[std::int64_t{f} * kPanel + r] = values[r * stride + f];
    }
    kernels_.activation_forward(op, {}, panel, panel, step.features, rows);
    for (int r = 0; r < rows; ++r) {
      for (int f = 0; f < step.features; ++f)
        values[r * stride + f] = panel[std::int64_t{f} * kPanel + r];
    }
  }

  const Kernels& kernels_;
  const std::shared_ptr<ThreadTeam> team_;
  const ForwardCost cost_;
  const int input_size_, output_size_;
  std::vector<Step> steps_;
  int rows_ = 1;  // of a block
  std::int64_t block_ = 0, panel_ = 0;
  int widest_panel_ = 0;
};

bool is_known(const Task& task) {
  switch (task.kind) {
    case TaskKind::gather_input:
    case TaskKind::dense_forward:
    case TaskKind::rescale_forward:
    case TaskKind::normalize_forward:
      return true;
    case TaskKind::activation_forward:
      return task.along.length == 0;
    case TaskKind::feature_forward:
      return is_affine(task);
    default:
      return false;
  }
}

}  // namespace

// A chain: each task reads the output of the task before it, and nothing else.
bool is_packed(const Program& program) {
  if (program.precision != Precision::float32) return false;
  int current = -1;
  for (const Task& task : program.predict.tasks) {
    if (!is_known(task) || task.input != current) return false;
    current = task.output;
  }
  return current == program.predict.output;
}

std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const ParameterValues& values) {
  if (!is_packed(program)) return nullptr;
  return std::make_shared<CpuInference>(program, kernels, std::move(team), values);
}

}  // namespace neurode::cpu
