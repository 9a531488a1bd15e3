// Runs a training pass on batches that are cut into parts.
#include "cuda/kernels/parts.h"
#include "cuda/pass.h"

namespace neurode::cuda {

// The part that is running is a batch of its own, but for the loss, noise and penalties of outputs.
void PassRunner::enqueue_parts(Launcher& launcher, const Batch& batch,
                               const PartGradients& gradients, bool learns) const {
  const Parts& parts = program_.parts;
  StepRecord step = step_of(batch);
  FinishRecord end = finish_of(batch);
  end.ends_step = 0;
  if (batch.weighted) weigh(launcher, step, end.heads);
  for (int part = 0; part < parts.mine; ++part) {
    const std::int64_t first = parts.first_row(batch.rows, parts.first + part);
    step.rows = static_cast<int>(parts.first_row(batch.rows, parts.first + part + 1) - first);
    if (learns) gradients.begin(launcher, part, step.rows);
    if (step.rows > 0) {
      begin_part(launcher, batch.state, static_cast<int>(first));
      enqueue_launches(launcher, {0, plan_.exchange, gradients.level_of(part)}, step, batch.update,
                       {});
      finish(launcher, step, end);
    }
    if (learns) gradients.end(launcher, part, step.rows);
  }
}

void PassRunner::enqueue_rest(Launcher& launcher, const Batch& batch,
                              const PartGradients& gradients, bool learns) const {
  const Parts& parts = program_.parts;
  const std::int64_t own =
      parts.first_row(batch.rows, parts.end()) - parts.first_row(batch.rows, parts.first);
  const StepRecord step = step_of(batch);
  if (learns) gradients.end_statistics(launcher, batch.rows, batch.update);
  enqueue_launches(launcher, {plan_.exchange, static_cast<int>(plan_.launches.size())}, step,
                   batch.update, {});
  updates_.penalties().add(launcher, static_cast<int>(own), &batch.sums->penalty);
  FinishRecord end{};
  end.sums = batch.sums;
  end.counts_step = batch.update ? 1 : 0;
  end.ends_step = 1;
  finish(launcher, step, end);
}

}  // namespace neurode::cuda
