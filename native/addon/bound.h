// Arrays that a model works on, as they were given, and as views once a device's thread comes to
// them.
#pragma once

#include <napi.h>

#include <array>
#include <atomic>
#include <memory>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/elements.h"
#include "native/engine/program.h"

namespace neurode::addon {

// Rows of input. Elements that are neither bytes nor float32 become float32 when the view is first
// asked for, on the thread that needs it.
class BoundInput {
 public:
  // Checks shape and indices; keeps no array alive.
  BoundInput(Napi::Value input, const Program& program);

  std::int64_t rows() const { return rows_; }
  InputView view();
  // Whether the memory of `array` is still needed, and not where it was.
  bool is_lost(Napi::Value array) const;

 private:
  Elements elements_;
  InputView view_;
  std::int64_t rows_ = 0;  // the view belongs to another thread
  std::unique_ptr<float[]> floats_;
  std::atomic<bool> is_copied_ = false;
};

// Targets of the same rows. Bytes stay bytes; other elements than float32, and all that are scaled,
// become float32 when the view is first asked for.
class BoundTargets {
 public:
  BoundTargets(Napi::Object targets, const Program& program, std::int64_t rows);

  TargetsView view();
  bool is_lost(Napi::Value array) const;

 private:
  void take_classes(Napi::Value data, const Program& program);
  void take_rows(Napi::Object targets, Napi::Value data, const Program& program);

  Elements elements_;
  double scale_ = 1, offset_ = 0;
  TargetsView view_;
  std::int64_t rows_ = 0;
  std::array<float, 256> levels_;
  std::unique_ptr<float[]> floats_;
  std::vector<std::int32_t> classes_;  // copied: the caller's could change after they were checked
  std::vector<float> weights_;
  std::atomic<bool> is_copied_ = false;
};

struct Bound {
  Bound(Napi::Value input, Napi::Object targets, const Program& program, int handle)
      : input(input, program), targets(targets, program, this->input.rows()), handle(handle) {}

  // Of the rows alone, for any thread.
  DataView rows() const;
  // Whether an array of [input, targets] that is still needed has gone.
  bool is_lost(Napi::Array arrays) const;
  // For the thread of the device.
  DataView view() { return {input.view(), targets.view(), handle}; }

  BoundInput input;
  BoundTargets targets;
  const int handle;
};

}  // namespace neurode::addon
