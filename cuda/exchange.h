// The sums over the parts of a batch that several ranks compute.
#pragma once

#include <optional>
#include <vector>

#include "cuda/parameters.h"
#include "cuda/runtime/device.h"
#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode::cuda {

// Gradients go through pinned memory of the host.
class Exchange {
 public:
  Exchange(Device& device, const Program& program, const Parameters& parameters)
      : device_(device), program_(program), parameters_(parameters) {}

  // Throws ERR_ARGUMENT unless each rank computes its share of the parts.
  void set_transport(const plugin::TransportRecord& transport);
  // Throws ERR_ARGUMENT if other ranks have parts of the batch and there is no way to them.
  void check_transport() const;
  bool has_others() const { return transport_.has_value(); }
  // Allocates pinned memory.
  void reserve();

  // Replaces the sums over this rank's parts, in the arena, by those over all parts. Returns
  // whether a rank is cancelled: then all ranks know it after the same batch.
  bool run(bool is_cancelled);

 private:
  std::int64_t exchanged() const;

  Device& device_;
  const Program& program_;
  const Parameters& parameters_;
  std::optional<plugin::TransportRecord> transport_;
  // The sums, the number of ranks that are cancelled, and padding up to equal slices for all ranks.
  PinnedMemory sums_;
  std::vector<float> received_;  // this rank's slice, from every rank
};

}  // namespace neurode::cuda
