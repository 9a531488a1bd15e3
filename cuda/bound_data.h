// Keeps copies of bound data in device memory, found by their handles, and the row orders of
// epochs.
#pragma once

#include <map>
#include <optional>

#include "cuda/kernels/records.h"
#include "cuda/runtime/device.h"
#include "native/engine/order.h"
#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode::cuda {

class BoundData {
 public:
  BoundData(Device& device, const Program& program) : device_(device), program_(program) {}

  bool has(int handle) const { return entries_.contains(handle); }
  void release(int handle) { entries_.erase(handle); }

  // Allocates memory for the range's data and, if the range `shuffles`, for orders of its rows.
  void reserve(const plugin::RangeRecord& range, bool shuffles);
  // Points the state at the range's rows, targets and weights, and at the order of its epoch.
  // Uploads whatever is not in device memory yet.
  void use(const plugin::RangeRecord& range, RunState& state);
  // Uploads the order of the next epoch while the device works on the current epoch.
  void upload_ahead(const plugin::RangeRecord& range);

 private:
  // The two orders belong to the current epoch and to the next epoch.
  struct Entry {
    DeviceMemory input, targets, weights, orders[2];
    std::optional<OrderKey> keys[2];  // the keys of the two orders; empty: no order was uploaded
  };

  Entry& upload(const plugin::RangeRecord& range);
  void upload_levels(const plugin::RangeRecord& range, std::int64_t count, float* to);
  void take_orders(Entry& entry, std::int64_t rows);
  const std::uint32_t* order_of(const plugin::RangeRecord& range, Entry& entry);

  Device& device_;
  const Program& program_;
  std::map<int, Entry> entries_;
};

}  // namespace neurode::cuda
