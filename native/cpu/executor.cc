// The CPU executor: it makes the rooms, and hands each call to one of them.
#include "native/cpu/executor.h"

#include <utility>

#include "native/cpu/evaluation.h"
#include "native/cpu/parameters.h"
#include "native/cpu/penalties.h"
#include "native/cpu/prediction.h"
#include "native/cpu/training.h"
#include "native/cpu/workspace.h"

namespace neurode::cpu {
namespace {

class CpuExecutor final : public Executor {
 public:
  CpuExecutor(Program program, const Kernels& kernels, std::shared_ptr<ThreadTeam> team,
              const Parameters* sibling)
      : program_(std::move(program)),
        kernels_(kernels),
        team_(std::move(team)),
        parameters_(sibling == nullptr ? Parameters(program_) : Parameters(program_, *sibling)),
        penalties_(program_, parameters_, kernels),
        training_(program_, parameters_, penalties_, kernels, *team_, workspace_),
        evaluation_(program_, parameters_, penalties_, kernels, *team_, workspace_),
        prediction_(program_, parameters_, kernels, team_) {}

  std::unique_ptr<Executor> sibling(Program program) override {
    auto sibling = std::make_unique<CpuExecutor>(std::move(program), kernels_, team_, &parameters_);
    if (training_.transport() != nullptr) sibling->set_transport(training_.transport());
    return sibling;
  }
  void set_transport(std::shared_ptr<Transport> transport) override {
    training_.set_transport(std::move(transport));
  }
  void apply(std::span<const float* const> gradients, float learning_rate, std::int64_t& step,
             bool here) override {
    training_.apply(gradients, learning_rate, step, here);
  }

  void get_parameter(int index, float* values) const override {
    parameters_.get(-1, index, values);
  }
  void set_parameter(int index, const float* values) override {
    parameters_.set(-1, index, values);
  }
  void get_slot(int slot, int index, float* values) const override {
    parameters_.get(slot, index, values);
  }
  void set_slot(int slot, int index, const float* values) override {
    parameters_.set(slot, index, values);
  }

  Sums train(const BatchRange& range, const float* learning_rates, std::int64_t& step,
             const std::atomic<bool>& cancelled) override {
    return training_.run(range, learning_rates, step, cancelled);
  }
  Sums evaluate(const BatchRange& range, const std::atomic<bool>& cancelled) override {
    return evaluation_.run(range, cancelled);
  }
  bool is_quick(Work work, std::int64_t rows, std::int64_t batches) const override {
    switch (work) {
      case Work::train:
        return training_.is_quick(rows, batches);
      case Work::apply:
        return training_.is_quick_update();
      case Work::evaluate:
        return evaluation_.is_quick(rows * batches);
      case Work::predict:
        return prediction_.is_quick(rows * batches);
    }
    return false;
  }
  void predict(const InputView& input, float* output, const std::atomic<bool>& cancelled) override {
    prediction_.run(input, output, cancelled);
  }
  void predict_here(const InputView& input, float* output) override {
    prediction_.run_here(input, output);
  }

 private:
  const Program program_;
  const Kernels& kernels_;
  const std::shared_ptr<ThreadTeam> team_;
  Workspace workspace_;
  Parameters parameters_;
  Penalties penalties_;
  Training training_;
  Evaluation evaluation_;
  Prediction prediction_;
};

}  // namespace

std::unique_ptr<Executor> make_executor(Program program, const Kernels& kernels,
                                        std::shared_ptr<ThreadTeam> team) {
  return std::make_unique<CpuExecutor>(std::move(program), kernels, std::move(team), nullptr);
}

}  // namespace neurode::cpu
