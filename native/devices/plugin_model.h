// A model of the CUDA library.
#pragma once

#include <mutex>

#include "native/engine/plugin.h"
#include "native/engine/program.h"

namespace neurode {

// Throws the Error that a function of the library has returned.
void check(const plugin::Table& table, plugin::Status status);

// Destroyed together with its executor, since the process may end right after: releases that are
// still queued then find none, and one that is running is waited for.
class PluginModel {
 public:
  PluginModel(const plugin::Table& table, void* device, const Program& program);
  PluginModel(const PluginModel& sibling, const Program& program);
  ~PluginModel() { dispose(); }
  PluginModel(const PluginModel&) = delete;
  PluginModel& operator=(const PluginModel&) = delete;

  void* get() const { return model_; }
  void release(int handle);
  void dispose();

 private:
  const plugin::Table& table_;
  std::mutex mutex_;
  void* model_ = nullptr;
};

}  // namespace neurode
