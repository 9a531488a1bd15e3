// Networks frozen for inference on the CPU: kernels packed once, rows in small blocks through all
// layers.
#include "native/cpu/packed_inference.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "native/cpu/forward_cost.h"
#include "native/cpu/packed_plan.h"
#include "native/cpu/pooling.h"
#include "native/engine/flush_subnormals.h"
#include "native/engine/memory.h"
#include "native/engine/op_table.h"

namespace neurode::cpu {
namespace {

// Rows of a block, so that its activations stay in cache.
constexpr int kMostRows = 32;
constexpr int kBlockFloats = 1 << 20;

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
        output_size_(program.output_size),
        plan_(packed_plan(program, kernels, values)) {
    rows_ = std::clamp(kBlockFloats / plan_.widest, 1, kMostRows);
    block_ = std::int64_t{rows_} * padded(plan_.widest);
    panel_ = std::int64_t{kPanel} * plan_.widest_panel;
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

  void predict_block(const InputView& view, std::int64_t first, float* output) const {
    float* const memory = workspace(plan_.slots * block_ + panel_);
    const int rows = static_cast<int>(std::min<std::int64_t>(rows_, view.rows - first));
    const float* const input = gather(view, first, rows, memory);
    for (const PackedStep& step : plan_.steps) run(step, input, rows, memory);
    const float* const from = at(memory, plan_.output);
    float* row = output + first * output_size_;
    for (int i = 0; i < rows; ++i, row += output_size_)
      std::copy_n(from + i * std::int64_t{plan_.output.stride}, output_size_, row);
  }

  float* at(float* memory, const PackedTensor& tensor) const {
    return memory + tensor.slot * block_;
  }

  // Rows are not copied where only dense layers read them, unscaled. Returns where the rows are.
  const float* gather(const InputView& view, std::int64_t first, int rows, float* memory) const {
    const float scale = view.scale, offset = view.offset;
    const std::int64_t from = first * input_size_, count = std::int64_t{rows} * input_size_;
    if (view.bytes != nullptr) {
      kernels_.scale_bytes(view.bytes + from, count, scale, offset, memory);
    } else if (scale == 1 && offset == 0 && plan_.reads_rows_in_place) {
      return view.floats + from;
    } else {
      kernels_.scale_floats(view.floats + from, count, scale, offset, memory);
    }
    return memory;
  }

  // `input`: the model's.
  void run(const PackedStep& step, const float* input, int rows, float* memory) const {
    const float* const x = step.reads_rows ? input : at(memory, step.input);
    float* const y = at(memory, step.output);
    const std::int64_t x_stride = step.input.stride, y_stride = step.output.stride;
    const auto each_row = [&](auto apply) {
      for (int r = 0; r < rows; ++r) apply(x + r * x_stride, y + r * y_stride);
    };
    switch (step.kind) {
      case PackedStep::Kind::dense:
        return kernels_.infer_dense(step.kernel.data(), step.bias.data(), step.inputs,
                                    step.features, x, x_stride, rows, y, y_stride);
      case PackedStep::Kind::affine:
        return each_row([&](const float*, float* to) { step.map->apply(to); });
      case PackedStep::Kind::activation:
        return activate(step, y, y_stride, rows, memory + plan_.slots * block_);
      case PackedStep::Kind::merge: {
        const float* other = at(memory, step.other);
        return each_row([&](const float* from, float* to) {
          kernels_.merge(step.op, from, other, to, 1, step.features);
          other += step.other.stride;
        });
      }
      case PackedStep::Kind::columns:
        return each_row([&](const float* from, float* to) {
          copy_columns({1, 1}, step.columns, from, to);
        });
      case PackedStep::Kind::pool:
        return each_row([&](const float* from, float* to) {
          pool(step.op, {step.positions, step.features, 1, 1}, from, to);
        });
      case PackedStep::Kind::embedding:
        return each_row([&](const float* from, float* to) {
          kernels_.embed_row(step.table, from, to, step.inputs);
        });
      case PackedStep::Kind::copy:
        return each_row(
            [&](const float* from, float* to) { std::copy_n(from, step.features, to); });
    }
  }

  void activate(const PackedStep& step, float* values, std::int64_t stride, int rows,
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
  const PackedPlan plan_;
  int rows_ = 1;  // of a block
  std::int64_t block_ = 0, panel_ = 0;
};

}  // namespace

std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const ParameterValues& values) {
  if (!is_packed(program)) return nullptr;
  return std::make_shared<CpuInference>(program, kernels, std::move(team), values);
}

}  // namespace neurode::cpu
