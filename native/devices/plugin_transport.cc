// The ranks that train together, as the CUDA library calls them.
#include "native/devices/plugin_transport.h"

#include <utility>

namespace neurode {

PluginTransport::PluginTransport(std::shared_ptr<Transport> transport)
    : transport_(std::move(transport)),
      record_{this, transport_->rank(), transport_->size(), all_to_all, all_gather} {}

void PluginTransport::check() {
  if (failure_) std::rethrow_exception(std::exchange(failure_, nullptr));
}

template <class Call>
std::int32_t PluginTransport::guarded(void* context, Call call) {
  auto& self = *static_cast<PluginTransport*>(context);
  try {
    call(*self.transport_);
    return 0;
  } catch (...) {
    self.failure_ = std::current_exception();
    return 1;
  }
}

std::int32_t PluginTransport::all_to_all(void* context, const void* send, void* receive,
                                         std::uint64_t bytes_each) {
  return guarded(context, [&](Transport& to) { to.all_to_all(send, receive, bytes_each); });
}

std::int32_t PluginTransport::all_gather(void* context, const void* send, void* receive,
                                         std::uint64_t bytes_each) {
  return guarded(context, [&](Transport& to) { to.all_gather(send, receive, bytes_each); });
}

}  // namespace neurode
