// The ranks that train together, as the CUDA library calls them.
#pragma once

#include <exception>
#include <memory>

#include "native/engine/plugin.h"
#include "native/engine/transport.h"

namespace neurode {

// What the transport throws is kept: exceptions do not cross the library's table.
class PluginTransport {
 public:
  explicit PluginTransport(std::shared_ptr<Transport> transport);
  PluginTransport(const PluginTransport&) = delete;
  PluginTransport& operator=(const PluginTransport&) = delete;

  const plugin::TransportRecord& record() const { return record_; }
  const std::shared_ptr<Transport>& transport() const { return transport_; }
  // Throws what a call has thrown.
  void check();

 private:
  static std::int32_t sum(void* context, float* sums, float* received, std::int64_t count);

  const std::shared_ptr<Transport> transport_;
  const plugin::TransportRecord record_;
  std::exception_ptr failure_;
};

}  // namespace neurode
