// The ranks that train together, as the CUDA library calls them.
#include "native/devices/plugin_transport.h"

#include <utility>

#include "native/engine/tree_sum.h"

namespace neurode {

PluginTransport::PluginTransport(std::shared_ptr<Transport> transport)
    : transport_(std::move(transport)),
      record_{this, transport_->rank(), transport_->size(), sum} {}

void PluginTransport::check() {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

std::int32_t PluginTransport::sum(void* context, float* sums, float* received, std::int64_t count) {
  auto& self = *static_cast<PluginTransport*>(context);
  try {
    sum_over_ranks(*self.transport_, sums, received, count);
    return 0;
  } catch (...) {
    self.failure_ = std::current_exception();
    return 1;
  }
}

}  // namespace neurode
