// The sums over all parts of a batch: those of this process, and those of other ranks.
#pragma once

#include <cstdint>
#include <memory>

#include "native/cpu/parameters.h"
#include "native/cpu/part_gradients.h"
#include "native/engine/memory.h"
#include "native/engine/transport.h"

namespace neurode::cpu {

class Exchange {
 public:
  Exchange(const Program& program, Parameters& parameters, PartGradients& gradients);

  // Throws ERR_ARGUMENT unless each rank computes its share of the parts.
  void set_transport(std::shared_ptr<Transport> transport);
  const std::shared_ptr<Transport>& transport() const { return transport_; }
  // Throws ERR_ARGUMENT if other processes have parts of the batch and there is no way to them.
  void check() const;

  // Makes the sums over all parts of the gradients of a batch of so many rows, for one thread
  // alone. Returns whether a rank is cancelled: then all ranks know it after the same batch. What
  // the transport throws goes to the caller.
  bool run(std::int64_t rows, bool update, bool is_cancelled);

 private:
  const Program& program_;
  Parameters& parameters_;
  PartGradients& gradients_;
  std::shared_ptr<Transport> transport_;
  Floats received_;  // this rank's slice of the sums, from every rank
};

}  // namespace neurode::cpu
