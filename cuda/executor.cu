// The CUDA executor: passes each call to the object that does the work.
#include <algorithm>
#include <utility>

#include "cuda/executor.h"

namespace neurode::cuda {

Executor::Executor(Device& device, Program program, const Executor* sibling)
    : device_(device),
      program_(std::move(program)),
      parameters_(sibling == nullptr ? Parameters(device, program_)
                                     : Parameters(device, program_, sibling->parameters_)),
      updates_(device, program_, parameters_),
      wide_(device, program_, parameters_),
      launcher_(device.stream.get()),
      data_(device, program_),
      range_(device, program_, data_),
      predict_(device, program_, program_.predict, parameters_, updates_, wide_, kMostPredicted),
      evaluate_(device, program_, program_.evaluate, parameters_, updates_, wide_, kMostEvaluated),
      train_(device, program_, program_.train, parameters_, updates_, wide_, 0),
      training_(device, program_, parameters_, train_, data_, range_),
      evaluation_(program_, evaluate_, updates_.penalties(), range_),
      prediction_(device, program_, predict_) {}

void Executor::take_for(const plugin::ReservationRecord& reservation) {
  const plugin::RangeRecord& range = reservation.range;
  const std::int64_t all = range.input.rows;  // 0: the number of rows is not known yet
  if (all > 0) data_.reserve(range, reservation.shuffles != 0);
  const std::int64_t batch =
      all > 0 ? std::min<std::int64_t>(range.batch_size, all) : range.batch_size;
  const std::int64_t rows = all > 0 ? std::min(all, range.batches * batch) : range.batches * batch;
  if (reservation.trains) {
    training_.reserve(batch, range.batches);
  } else {
    evaluation_.reserve(rows, batch, range.weights != nullptr);
  }
  if (reservation.captures) range_.reserve_captured(rows, batch, reservation.trains != 0);
  device_.stream.wait();
}

void Executor::reserve(const plugin::ReservationRecord& reservation) {
  const int handle = reservation.range.handle;
  const bool known = data_.has(handle);
  try {
    take_for(reservation);
  } catch (...) {
    if (!known) data_.release(handle);
    throw;
  }
}

void Executor::train(const plugin::RangeRecord& range, const float* learning_rates,
                     std::int64_t& step, const plugin::CancelRecord& cancel,
                     plugin::SumsRecord& sums) {
  wide_.refresh(launcher_);
  if (range.update != 0) parameters_.changes();
  training_.run(launcher_, range, learning_rates, step, cancel, sums);
  wide_.copies_are_new();
}

void Executor::apply(float learning_rate, std::int64_t& step) {
  wide_.refresh(launcher_);
  parameters_.changes();
  training_.apply(launcher_, learning_rate, step);
  wide_.copies_are_new();
}

void Executor::evaluate(const plugin::RangeRecord& range, const plugin::CancelRecord& cancel,
                        plugin::SumsRecord& sums) {
  wide_.refresh(launcher_);
  evaluation_.run(launcher_, range, cancel, sums);
}

void Executor::predict(const plugin::InputRecord& input, float* output,
                       const plugin::CancelRecord& cancel) {
  wide_.refresh(launcher_);
  prediction_.run(launcher_, input, output, cancel);
}

}  // namespace neurode::cuda
