// Networks packed for inference on the CPU: how rows are cut into blocks, and blocks among threads.
#include "native/cpu/packed_inference.h"

#include <algorithm>
#include <thread>
#include <utility>
#include <vector>

#include "native/cpu/forward_cost.h"
#include "native/cpu/packed_block.h"
#include "native/engine/flush_subnormals.h"

namespace neurode::cpu {
namespace {

// Rows of a block: most, and so many floats of a row's positions that activations stay in cache.
constexpr int kMostRows = 32;
constexpr int kBlockFloats = 1 << 20;
constexpr int kBlockFloatsOfPositions = 1 << 17;
// Blocks of so many rows use the weights well enough to be a thread's own work.
constexpr int kFewRows = 12;
// Weights that stay in the L2 cache, where each thread may read all of them.
constexpr std::int64_t kCachedWeights = 1 << 18;
// Parts of a phase for each thread that shares it.
constexpr int kPartsOfThread = 2;
constexpr int kSpins = 200;

// Memory that belongs to the calling thread, and that all models use in turn.
float* workspace(std::int64_t floats) {
  thread_local Floats memory;
  if (memory.size() < floats) memory = Floats(floats);
  return memory.data();
}

int rows_of_block(const PackedPlan& plan) {
  const int floats = plan.positions > 1 ? kBlockFloatsOfPositions : kBlockFloats;
  const int fewest = (kMostRows + plan.positions - 1) / plan.positions;
  return std::clamp(floats / plan.widest, fewest, kMostRows);
}

// The phases of a block, whose parts threads take one after the other. A part waits for all parts
// of the phases before its own; those are done or at work, since parts are taken in order.
class SharedBlock {
 public:
  SharedBlock(const PackedBlock& block, int threads) : block_(block) {
    ends_.reserve(block.phases());
    for (int phase = 0; phase < block.phases(); ++phase)
      ends_.push_back((phase > 0 ? ends_.back() : 0) +
                      block.parts(phase, threads * kPartsOfThread));
  }

  void work() {
    for (int phase = 0, item; (item = next_.fetch_add(1, std::memory_order_relaxed)) < count();) {
      while (item >= ends_[phase]) ++phase;
      const int begin = phase > 0 ? ends_[phase - 1] : 0;
      for (int spins = 0; done_.load(std::memory_order_acquire) < begin; ++spins)
        if (spins > kSpins) std::this_thread::yield();
      block_.run(phase, item - begin, ends_[phase] - begin);
      done_.fetch_add(1, std::memory_order_release);
    }
  }

 private:
  int count() const { return ends_.back(); }

  const PackedBlock& block_;
  std::vector<int> ends_;  // of each phase, among the parts of all
  alignas(64) std::atomic<int> next_{0};
  alignas(64) std::atomic<int> done_{0};
};

}  // namespace

// A prediction of some rows.
class PackedRun {
 public:
  PackedRun(const PackedNetwork& of, const InputView& input, float* output,
            const std::atomic<bool>& cancelled)
      : of_(of), input_(input), output_(output), cancelled_(cancelled) {}

  // `may_wait`: for the team's other callers; otherwise the calling thread is alone where the team
  // is busy.
  void run(bool may_wait) {
    const int size = of_.team_->size();
    const int threads = threads_worth_waking(of_.cost_, input_.rows, size);
    const bool is_shared = threads > 1 && are_few(threads);
    cut_rows(is_shared ? 1 : threads);
    const auto run = [&](auto body) {
      if (threads == 1) return body(0);
      if (may_wait) return of_.team_->share(threads, body);
      if (!of_.team_->try_share(threads, body)) body(0);
    };
    if (!is_shared) return run([&](int) { take_blocks(); });
    float* const memory = workspace(floats());
    for (std::int64_t first = 0; first < input_.rows && !is_cancelled(); first += rows_) {
      const PackedBlock block = block_at(first, memory);
      SharedBlock shared(block, threads);
      run([&](int) { shared.work(); });
    }
  }

 private:
  bool is_cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

  // Whether threads share the units of layers, rather than having rows of their own.
  bool are_few(int threads) const {
    const std::int64_t each = input_.rows / threads;
    return each < std::min(of_.plan_.weights > kCachedWeights ? kMostRows : kFewRows, of_.rows_);
  }

  // Blocks of about the same size, as many for each thread.
  void cut_rows(int threads) {
    const std::int64_t turn = std::int64_t{of_.rows_} * threads;
    const std::int64_t blocks = (input_.rows + turn - 1) / turn * threads;
    rows_ = static_cast<int>((input_.rows + blocks - 1) / blocks);
  }

  void take_blocks() {
    float* const memory = workspace(floats());
    for (std::int64_t first;
         (first = next_.fetch_add(rows_, std::memory_order_relaxed)) < input_.rows;) {
      if (is_cancelled()) return;
      const PackedBlock block = block_at(first, memory);
      for (int phase = 0; phase < block.phases(); ++phase)
        if (block.parts(phase, 1) > 0) block.run(phase, 0, 1);
    }
  }

  // A vector may be read behind the last number.
  std::int64_t floats() const { return of_.plan_.slots * of_.block_ + kAlignment; }

  PackedBlock block_at(std::int64_t first, float* memory) const {
    return {of_.plan_,
            of_.kernels_,
            input_,
            first,
            static_cast<int>(std::min<std::int64_t>(rows_, input_.rows - first)),
            memory,
            of_.block_,
            output_ + first * of_.output_size_,
            of_.output_size_};
  }

  const PackedNetwork& of_;
  const InputView& input_;
  float* const output_;
  const std::atomic<bool>& cancelled_;
  int rows_ = 1;  // of a block
  std::atomic<std::int64_t> next_{0};
};

PackedNetwork::PackedNetwork(const Program& program, const Kernels& kernels,
                             std::shared_ptr<ThreadTeam> team)
    : kernels_(kernels),
      team_(std::move(team)),
      cost_(forward_cost(program, kernels)),
      input_size_(program.input_size),
      output_size_(program.output_size),
      plan_(packed_plan(program)),
      rows_(rows_of_block(plan_)),
      block_(std::int64_t{rows_} * padded(plan_.widest)) {}

void PackedNetwork::pack(const Program& program, const PackedSource& source) {
  cpu::pack(plan_, program, kernels_, source, *team_);
}

void PackedNetwork::predict(const InputView& input, float* output,
                            const std::atomic<bool>& cancelled) const {
  PackedRun(*this, input, output, cancelled).run(true);
}

void PackedNetwork::predict_here(const InputView& input, float* output) const {
  const FlushSubnormals flush;
  const std::atomic<bool> never{false};
  PackedRun(*this, input, output, never).run(false);
}

namespace {

class CpuInference final : public Inference {
 public:
  explicit CpuInference(PackedNetwork network) : network_(std::move(network)) {}

  void predict(const InputView& input, float* output,
               const std::atomic<bool>& cancelled) const override {
    network_.predict(input, output, cancelled);
  }
  void predict_here(const InputView& input, float* output) const override {
    network_.predict_here(input, output);
  }

 private:
  const PackedNetwork network_;
};

}  // namespace

std::shared_ptr<const Inference> pack_for_inference(const Program& program, const Kernels& kernels,
                                                    std::shared_ptr<ThreadTeam> team,
                                                    const std::vector<const float*>& values) {
  PackedSource source{values, {}};
  for (const Parameter& parameter : program.parameters) source.lines.push_back(parameter.columns);
  PackedNetwork network(program, kernels, std::move(team));
  network.pack(program, source);
  return std::make_shared<CpuInference>(std::move(network));
}

}  // namespace neurode::cpu
