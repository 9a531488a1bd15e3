// Copies of bound data on the device, by handle, and the orders in which epochs take their rows.
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

  // Takes memory for the range's data and, where it `shuffles`, for orders of its rows.
  void reserve(const plugin::RangeRecord& range, bool shuffles);
  // The state's rows, targets and weights are those of the range, in its order. What is not on the
  // device yet is uploaded.
  void use(const plugin::RangeRecord& range, RunState& state);
  // The next epoch's order, while the device works on this one's.
  void upload_ahead(const plugin::RangeRecord& range);

 private:
  // Two orders: an epoch's, and the next one's.
  struct Entry {
    DeviceMemory input, targets, weights, orders[2];
    std::optional<OrderKey> keys[2];  // of the orders that are there
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
