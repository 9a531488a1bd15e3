// A range of batches to train on, as JavaScript gave it.
#include "native/addon/training_range.h"

#include <chrono>
#include <utility>

#include "native/addon/convert.h"
#include "native/addon/opening.h"
#include "native/addon/range.h"

namespace neurode::addon {

TrainingRange::TrainingRange(Napi::Object options, std::shared_ptr<Bound> bound,
                             const Program& program, std::int64_t epochs)
    : bound_(std::move(bound)),
      range_(to_range(options, bound_->rows(), program)),
      shuffles_(member(options, "shuffle", to_bool)),
      key_(to_order_key(options, range_.data.input.rows)),
      learning_rates_(to_learning_rates(options, epochs * range_.batches)),
      parameter_gradients_(take_update(options, program, range_)) {}

Sums TrainingRange::run(ModelCore& core, std::int64_t later,
                        const std::atomic<bool>& cancelled) const {
  // Other ranks wait for what this one has agreed to do.
  const Parts& parts = core.program.parts;
  if (cancelled && parts.mine == parts.count) return Sums(core.program);
  BatchRange range = range_;
  range.data = bound_->view();
  range.parameter_gradients = parameter_gradients_;
  if (shuffles_) {
    range.order_key = key_;
    range.order_key.epoch += later;
    range.order = core.orders.take(range.order_key);
    range.next_order = [&core] { return core.orders.ahead(); };
  }
  const float* const rates = learning_rates_.data() + later * range.batches;
  return core.executor->train(range, rates, *core.step, cancelled);
}

Sums TrainingRange::run_here(ModelCore& core, const std::atomic<bool>& cancelled) {
  range_.here = true;
  return run(core, 0, cancelled);
}

void TrainingRange::run_epochs(ModelCore& core, std::int64_t epochs,
                               const std::atomic<bool>& cancelled,
                               std::vector<double>& numbers) const {
  for (std::int64_t epoch = 0; epoch < epochs && !cancelled; ++epoch) {
    const auto start = std::chrono::steady_clock::now();
    const Sums sums = run(core, epoch, cancelled);
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
    numbers.push_back(seconds.count());
    append(numbers, sums);
  }
}

}  // namespace neurode::addon
