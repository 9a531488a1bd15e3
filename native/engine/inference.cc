// Inference by an executor, for devices that have no faster implementation.
#include "native/engine/inference.h"

#include <mutex>
#include <utility>

#include "native/engine/executor.h"

namespace neurode {
namespace {

class ExecutorInference final : public Inference {
 public:
  explicit ExecutorInference(std::unique_ptr<Executor> executor) : executor_(std::move(executor)) {}

  void predict(const InputView& input, float* output,
               const std::atomic<bool>& cancelled) const override {
    const std::lock_guard lock(mutex_);
    executor_->predict(input, output, cancelled);
  }

  void predict_here(const InputView& input, float* output) const override {
    const std::lock_guard lock(mutex_);
    executor_->predict_here(input, output);
  }

 private:
  mutable std::mutex mutex_;
  const std::unique_ptr<Executor> executor_;
};

}  // namespace

std::shared_ptr<const Inference> infer_by_executor(std::unique_ptr<Executor> executor,
                                                   const ParameterValues& values) {
  for (std::size_t i = 0; i < values.size(); ++i)
    executor->set_parameter(static_cast<int>(i), values[i]);
  return std::make_shared<ExecutorInference>(std::move(executor));
}

}  // namespace neurode
