// The sums over all parts of a batch: those of this process, and those of other ranks.
#include "native/cpu/exchange.h"

#include <utility>

#include "native/engine/error.h"
#include "native/engine/tree_sum.h"

namespace neurode::cpu {

Exchange::Exchange(const Program& program, Parameters& parameters, PartGradients& gradients)
    : program_(program), parameters_(parameters), gradients_(gradients) {}

void Exchange::set_transport(std::shared_ptr<Transport> transport) {
  const Parts& parts = program_.parts;
  if (transport != nullptr && (parts.mine * transport->size() != parts.count ||
                               parts.mine * transport->rank() != parts.first))
    throw Error("ERR_ARGUMENT", "parts: expected an equal share for each rank, in their order");
  const bool has_others = transport != nullptr && transport->size() > 1;
  transport_ = has_others ? std::move(transport) : nullptr;
  if (has_others) received_ = Floats(parameters_.gradient_plan().exchanged);
}

void Exchange::check() const {
  if (program_.parts.mine < program_.parts.count && transport_ == nullptr)
    throw Error("ERR_ARGUMENT", "parts: expected a transport to the ranks that have the others");
}

bool Exchange::run(std::int64_t rows, bool update, bool is_cancelled) {
  gradients_.add_kept(rows);
  if (transport_ != nullptr) {
    const GradientPlan& plan = parameters_.gradient_plan();
    float* const sums = parameters_.summed_gradients();
    float& cancelled = sums[plan.summed];
    cancelled = is_cancelled ? 1 : 0;
    sum_over_ranks(*transport_, sums, received_.data(), plan.exchanged);
    is_cancelled = cancelled > 0;
  }
  gradients_.end_statistics(rows, update);
  return is_cancelled;
}

}  // namespace neurode::cpu
