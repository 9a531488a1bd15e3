// Arrays that a model works on, as they were given, and as views once a device's thread comes to
// them.
#pragma once

#include <napi.h>

#include <array>
#include <memory>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/elements.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::addon {

// Whose memory an array lies in. A caller may change what was lent, or take it away, as soon as the
// call has returned: of that a copy is made at once.
enum class Memory { kept, lent };

// Whether `lent` of an array that crosses is true.
Memory memory_of(Napi::Object array);

// Rows of input. Elements that are neither bytes nor float32 become float32: at once where they
// are lent, else when the view is first asked for, on the thread that needs it.
class BoundInput {
 public:
  // Checks shape and indices; keeps no array alive.
  BoundInput(Napi::Object input, Memory memory, const Program& program);

  std::int64_t rows() const { return rows_; }
  bool fits(const Program& program) const;
  InputView view();

 private:
  Elements elements_;
  InputView view_;
  std::int64_t rows_ = 0;  // the view belongs to another thread
  int indices_ = 0;        // what they were checked for
  Uninitialized<std::uint8_t> bytes_;
  Uninitialized<float> floats_;
};

// Targets of the same rows, lent or kept as input is. Bytes stay bytes; other elements than
// float32, and all that are scaled, become float32. Class indices and weights are always copied.
class BoundTargets {
 public:
  BoundTargets(Napi::Object targets, const Program& program, std::int64_t rows);

  bool fits(const Program& program) const;
  TargetsView view();

 private:
  void take_classes(const Program& program);
  void take_rows(Napi::Object targets, const Program& program);

  Elements elements_;
  double scale_ = 1, offset_ = 0;
  TargetsView view_;
  std::int64_t rows_ = 0;
  std::array<float, 256> levels_;
  Uninitialized<std::uint8_t> bytes_;
  Uninitialized<float> floats_;
  std::vector<std::int32_t> classes_;
  std::vector<float> weights_;
};

struct Bound {
  Bound(Napi::Object input, Napi::Object targets, const Program& program, int handle);
  // The same rows under another model's handle; checked to be what its program takes.
  Bound(const Bound& other, const Program& program, int handle);

  // Of the rows alone, for any thread.
  DataView rows() const;
  // For the thread of the device.
  DataView view() { return {input->view(), targets->view(), handle}; }

  const std::shared_ptr<BoundInput> input;
  const std::shared_ptr<BoundTargets> targets;
  const int handle;
};

}  // namespace neurode::addon
