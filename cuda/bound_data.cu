// Copies of bound data on the device.
#include <algorithm>
#include <utility>
#include <vector>

#include "cuda/bound_data.h"
#include "cuda/inputs.h"

namespace neurode::cuda {
namespace {

OrderKey order_key(const plugin::RangeRecord& range) {
  return {range.input.rows, range.order_seed, range.order_epoch};
}

}  // namespace

void BoundData::reserve(const plugin::RangeRecord& range, bool shuffles) {
  Entry& entry = upload(range);
  if (shuffles) take_orders(entry, range.input.rows);
}

void BoundData::use(const plugin::RangeRecord& range, RunState& state) {
  Entry& entry = upload(range);
  point_at(state, range.input, entry.input.as<void>());
  state.order = order_of(range, entry);
  if (range.classes != nullptr) {
    state.classes = entry.targets.as<std::int32_t>();
  } else {
    state.target_rows = entry.targets.floats();
  }
  if (range.weights != nullptr) state.weights = entry.weights.floats();
}

// Converts targets that are bytes to float32 through range.target_levels, one piece at a time.
void BoundData::upload_levels(const plugin::RangeRecord& range, std::int64_t count, float* to) {
  constexpr std::int64_t kPiece = 1 << 18;
  std::vector<float> values(std::min(count, kPiece));
  for (std::int64_t first = 0; first < count; first += kPiece) {
    const std::int64_t piece = std::min(count - first, kPiece);
    for (std::int64_t i = 0; i < piece; ++i)
      values[i] = range.target_levels[range.target_bytes[first + i]];
    const auto bytes = piece * static_cast<std::int64_t>(sizeof(float));
    device_.staging.upload(values.data(), bytes, to + first);
  }
}

BoundData::Entry& BoundData::upload(const plugin::RangeRecord& range) {
  const plugin::InputRecord& input = range.input;
  const auto found = entries_.find(range.handle);
  if (found != entries_.end()) return found->second;
  Entry entry;
  const std::int64_t bytes = input.rows * input.features * element_size(input);
  entry.input = DeviceMemory(device_.pool, bytes, "bound input");
  const std::int64_t each = range.classes != nullptr          ? program_.positions
                            : range.target_columns != nullptr ? range.target_row_size
                                                              : program_.output_size;
  const std::int64_t target_bytes = input.rows * each * 4;
  entry.targets = DeviceMemory(device_.pool, target_bytes, "bound targets");
  device_.staging.upload(data_of(input), bytes, entry.input.as<void>());
  if (range.target_bytes != nullptr) {
    upload_levels(range, input.rows * each, entry.targets.floats());
  } else {
    const void* const targets =
        range.classes != nullptr ? static_cast<const void*>(range.classes) : range.target_rows;
    device_.staging.upload(targets, target_bytes, entry.targets.as<void>());
  }
  if (range.weights != nullptr) {
    const std::int64_t weight_bytes =
        input.rows * program_.positions * static_cast<std::int64_t>(sizeof(float));
    entry.weights = DeviceMemory(device_.pool, weight_bytes, "weights of rows");
    device_.staging.upload(range.weights, weight_bytes, entry.weights.as<void>());
  }
  return entries_[range.handle] = std::move(entry);
}

void BoundData::take_orders(Entry& entry, std::int64_t rows) {
  const std::int64_t bytes = rows * static_cast<std::int64_t>(sizeof(std::uint32_t));
  if (entry.orders[0].size() > 0) return;
  DeviceMemory orders[2];
  for (DeviceMemory& order : orders) order = DeviceMemory(device_.pool, bytes, "the order of rows");
  device_.ahead.reserve(bytes);
  // The memory is allocated in the order of device_.stream, but device_.ahead_stream writes to it,
  // so the allocations must be complete first.
  device_.stream.wait();
  std::swap(entry.orders, orders);
}

const std::uint32_t* BoundData::order_of(const plugin::RangeRecord& range, Entry& entry) {
  if (range.order == nullptr) return nullptr;
  const OrderKey key = order_key(range);
  for (int i = 0; i < 2; ++i) {
    if (entry.keys[i] == key) return entry.orders[i].as<std::uint32_t>();
  }
  take_orders(entry, range.input.rows);
  entry.keys[0].reset();
  device_.staging.upload(range.order, entry.orders[0].size(), entry.orders[0].as<void>());
  entry.keys[0] = key;
  return entry.orders[0].as<std::uint32_t>();
}

// Runs while the device works on the current epoch. The order of the next epoch replaces the order
// of the previous one.
void BoundData::upload_ahead(const plugin::RangeRecord& range) {
  if (range.order == nullptr || range.next_order == nullptr) return;
  Entry& entry = entries_[range.handle];
  const OrderKey key = order_key(range);
  const int next = entry.keys[0] == key ? 1 : 0;
  if (entry.keys[next] == key.next_epoch()) return;
  const std::uint32_t* const order = range.next_order(range.next_order_context);
  if (order == nullptr) return;
  entry.keys[next].reset();
  device_.ahead.upload(order, entry.orders[next].size(), entry.orders[next].as<void>());
  device_.ahead_done.record(device_.ahead_stream.get());
  device_.ahead_done.hold_up(device_.stream.get());
  entry.keys[next] = key.next_epoch();
}

}  // namespace neurode::cuda
