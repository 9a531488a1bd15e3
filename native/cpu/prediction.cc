// Prediction by an executor on the CPU: as a predictor does it, with the parameters of the moment.
#include "native/cpu/prediction.h"

#include <utility>

namespace neurode::cpu {

Prediction::Prediction(const Program& program, const Parameters& parameters, const Kernels& kernels,
                       std::shared_ptr<ThreadTeam> team)
    : program_(program),
      parameters_(parameters),
      kernels_(kernels),
      team_(std::move(team)),
      cost_(forward_cost(program, kernels)) {}

const PackedNetwork& Prediction::network() {
  if (!network_) network_.emplace(program_, kernels_, team_);
  if (version_ == parameters_.version()) return *network_;
  PackedSource source{{}, {}, true, true};
  for (int i = 0; i < parameters_.count(); ++i) {
    source.values.push_back(parameters_.values(i));
    source.lines.push_back(parameters_[i].stride);
  }
  version_.reset();
  network_->pack(program_, source);
  version_ = parameters_.version();
  return *network_;
}

}  // namespace neurode::cpu
