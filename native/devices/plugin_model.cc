// A model of the CUDA library.
#include "native/devices/plugin_model.h"

#include <utility>

#include "native/engine/error.h"
#include "native/engine/plugin_records.h"

namespace neurode {

void check(const plugin::Table& table, plugin::Status status) {
  static constexpr const char* codes[] = {"",
                                          "ERR_OUT_OF_MEMORY",
                                          "ERR_DEVICE_LOST",
                                          "ERR_ARGUMENT",
                                          "ERR_DEVICE_UNAVAILABLE",
                                          "ERR_INTERNAL",
                                          "ERR_DISTRIBUTED"};
  if (status != plugin::kOk) throw Error(codes[status], table.last_error());
}

PluginModel::PluginModel(const plugin::Table& table, void* device, const Program& program)
    : table_(table) {
  const plugin::ProgramRecords records(program);
  check(table, table.create_model(device, &records.program(), &model_));
}

PluginModel::PluginModel(const PluginModel& sibling, const Program& program)
    : table_(sibling.table_) {
  const plugin::ProgramRecords records(program);
  check(table_, table_.create_sibling(sibling.model_, &records.program(), &model_));
}

void PluginModel::release(int handle) {
  const std::lock_guard lock(mutex_);
  if (model_ != nullptr) table_.release(model_, handle);
}

void PluginModel::dispose() {
  const std::lock_guard lock(mutex_);
  if (model_ != nullptr) table_.destroy_model(std::exchange(model_, nullptr));
}

}  // namespace neurode
