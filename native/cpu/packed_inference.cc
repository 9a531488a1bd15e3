// Dense networks frozen for inference on the CPU: kernels packed once, rows in small blocks through
// all layers.
#include "native/cpu/packed_inference.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "native/cpu/memory.h"
#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// Rows of a block, so that its activations stay in cache.
constexpr int kMostRows = 32;
constexpr int kBlockFloats = 1 << 20;
// Below this many floating-point operations a thread costs more to wake than it brings.
constexpr double kWorthWaking = 2e6;

int padded(int features) { return (features + kAlignment - 1) / kAlignment * kAlignment; }

// Memory of the calling thread, for whichever model it works on.
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
        input_size_(program.input_size),
        output_size_(program.output_size),
        scale_(program.input_scale),
        offset_(program.input_offset) {
    int widest = program.input_size, widest_panel = 0;
    for (const Task& task : program.predict.tasks) {
      const int features = program.predict.features[task.output];
      widest = std::max(widest, features);
      if (task.kind == TaskKind::gather_input) continue;
      Step step{task, features, {}, {}};
      if (task.kind == TaskKind::dense_forward) {
        step.inputs = program.predict.features[task.input];
        step.kernel = Floats(std::int64_t{step.inputs} * padded(features));
        kernels.pack_kernel(values[task.kernel], step.inputs, features, step.kernel.data());
        step.bias = Floats(padded(features));
        if (task.bias >= 0) std::copy_n(values[task.bias], features, step.bias.data());
        operations_ += 2.0 * step.inputs * features;
      } else {
        operations_ += 20.0 * features;
        const bool by_row = task.kind == TaskKind::activation_forward &&
                            !neurode::activation_row(task.op.row).pointwise;
        if (by_row) widest_panel = std::max(widest_panel, features);
      }
      steps_.push_back(std::move(step));
    }
    rows_ = std::clamp(kBlockFloats / widest, 1, kMostRows);
    block_ = std::int64_t{rows_} * padded(widest);
    panel_ = std::int64_t{kPanel} * widest_panel;
  }

  void predict(const InputView& input, float* output,
               const std::atomic<bool>& cancelled) const override {
    const std::int64_t blocks = (input.rows + rows_ - 1) / rows_;
    const bool parallel =
        team_->size() > 1 && operations_ * static_cast<double>(input.rows) > kWorthWaking;
    const int threads = parallel ? team_->size() : 1;
    const std::function<void(int)> body = [&](int thread) {
      for (std::int64_t block = thread; block < blocks; block += threads) {
        if (cancelled.load(std::memory_order_relaxed)) return;
        predict_block(input, block * rows_, output);
      }
    };
    if (parallel) {
      team_->run(body);
    } else {
      body(0);
    }
  }

  void predict_here(const InputView& input, float* output) const override {
    const FlushSubnormals flush;
    for (std::int64_t first = 0; first < input.rows; first += rows_)
      predict_block(input, first, output);
  }

 private:
  struct Step {
    Task task;
    int features;  // of its output
    Floats kernel, bias;
    int inputs = 0;
  };

  // A block is (rows, stride) in one of two buffers; the next dense layer's goes to the other.
  void predict_block(const InputView& view, std::int64_t first, float* output) const {
    float* const memory = workspace(2 * block_ + panel_);
    const int rows = static_cast<int>(std::min<std::int64_t>(rows_, view.rows - first));
    const float* input = nullptr;  // the caller's rows, until the first layer has read them
    float* current = gather(view, first, rows, memory, input);
    std::int64_t stride = input_size_;
    for (const Step& step : steps_) {
      switch (step.task.kind) {
        case TaskKind::dense_forward: {
          float* const next = current == memory ? memory + block_ : memory;
          kernels_.infer_dense(step.kernel.data(), step.bias.data(), step.inputs, step.features,
                               input != nullptr ? input : current, stride, rows, next,
                               padded(step.features));
          stride = padded(step.features);
          current = next;
          input = nullptr;
          break;
        }
        case TaskKind::rescale_forward:
          kernels_.scale_floats(current, rows * stride, step.task.scale, step.task.offset, current);
          break;
        default:
          activate(step, current, stride, rows, memory + 2 * block_);
      }
    }
    float* row = output + first * output_size_;
    for (int i = 0; i < rows; ++i, row += output_size_)
      std::copy_n(current + i * stride, output_size_, row);
  }

  // Where a dense layer comes first and takes the rows as they are, they stay where they are.
  float* gather(const InputView& view, std::int64_t first, int rows, float* memory,
                const float*& input) const {
    const float scale = view.scale * scale_, offset = view.offset * scale_ + offset_;
    const std::int64_t from = first * input_size_, count = std::int64_t{rows} * input_size_;
    if (view.bytes != nullptr) {
      kernels_.scale_bytes(view.bytes + from, count, scale, offset, memory);
    } else if (scale == 1 && offset == 0 && !steps_.empty() &&
               steps_.front().task.kind == TaskKind::dense_forward) {
      input = view.floats + from;
    } else {
      kernels_.scale_floats(view.floats + from, count, scale, offset, memory);
    }
    return memory;
  }

  void activate(const Step& step, float* values, std::int64_t stride, int rows,
                float* panel) const {
    const Op& op = step.task.op;
    if (neurode::activation_row(op.row).pointwise) {
      // All at once, with what fills up the rows.
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
  const int input_size_, output_size_;
  const float scale_, offset_;
  std::vector<Step> steps_;
  int rows_ = 1;  // of a block
  std::int64_t block_ = 0, panel_ = 0;
  double operations_ = 0;  // of a row
};

// One task after the other, each of what the one before gave.
bool is_dense_network(const Program& program) {
  int current = -1;
  for (const Task& task : program.predict.tasks) {
    const bool is_known =
        task.kind == TaskKind::gather_input || task.kind == TaskKind::dense_forward ||
        task.kind == TaskKind::activation_forward || task.kind == TaskKind::rescale_forward;
    if (!is_known || task.input != current || task.along.length != 0) return false;
    current = task.output;
  }
  return current == program.predict.output;
}

}  // namespace

std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const ParameterValues& values) {
  if (!is_dense_network(program)) return nullptr;
  return std::make_shared<CpuInference>(program, kernels, std::move(team), values);
}

}  // namespace neurode::cpu
