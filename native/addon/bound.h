// Arrays that a model works on: as JavaScript gave them, and as views for the device's thread.
#pragma once

#include <napi.h>

#include <array>
#include <memory>
#include <utility>
#include <vector>

#include "native/engine/data.h"
#include "native/engine/elements.h"
#include "native/engine/memory.h"
#include "native/engine/program.h"

namespace neurode::addon {

// Who may change an array's memory. A kept array does not change while the model uses it. A lent
// array may be changed or freed as soon as the call has returned, so it is copied during the call.
enum class Memory { kept, lent };

// Memory::lent if the member `lent` of the array's object is true.
Memory memory_of(Napi::Object array);

// How many rows of input the object holds, without checks.
std::int64_t rows_of(Napi::Object input, const Program& program);

// Rows of input. Elements other than bytes and float32 become float32: during the call if the array
// is lent, otherwise when the device's thread first asks for the view.
class BoundInput {
 public:
  // Checks shape and indices. Does not keep the JavaScript array alive.
  BoundInput(Napi::Object input, Memory memory, const Program& program);

  std::int64_t rows() const { return rows_; }
  bool fits(const Program& program) const;
  InputView view();

 private:
  Elements elements_;
  InputView view_;
  std::int64_t rows_ = 0;    // a copy of view_.rows, as another thread uses view_
  std::vector<int> limits_;  // the Program::input_limits that the elements were checked for
  Uninitialized<std::uint8_t> bytes_;
  Uninitialized<float> floats_;
};

// Targets of the same rows; lent arrays are copied as for the input. Bytes stay bytes. Elements of
// other types than float32, and all scaled elements, become float32. Class indices and weights are
// always copied.
class BoundTargets {
 public:
  BoundTargets(Napi::Object targets, Memory memory, const Program& program, std::int64_t rows);

  bool fits(const Program& program) const;
  TargetsView view();

 private:
  void take_classes(const Program& program);
  void take_rows(Napi::Object targets, Memory memory, const Program& program);
  void take_heads(Napi::Object targets, Memory memory, const Program& program);
  void check_classes(const Program& program) const;

  Elements elements_;
  double scale_ = 1, offset_ = 0;
  TargetsView view_;
  std::int64_t rows_ = 0;
  std::array<float, 256> levels_;
  Uninitialized<std::uint8_t> bytes_;
  Uninitialized<float> floats_;
  std::vector<std::int32_t> classes_;
  std::vector<TargetColumns> columns_;       // by head, if there are several
  std::vector<std::pair<int, int>> shapes_;  // outputs and positions by head
  std::vector<float> weights_;
};

struct Bound {
  Bound(Napi::Object input, Napi::Object targets, const Program& program, int handle);
  // The same rows for another model, under that model's handle. Throws if the rows do not fit its
  // program.
  Bound(const Bound& other, const Program& program, int handle);

  // Only the number of rows and the handle; any thread may call this.
  DataView rows() const;
  // The views of the arrays; only the device's thread may call this.
  DataView view() { return {input->view(), targets->view(), handle}; }

  const std::shared_ptr<BoundInput> input;
  const std::shared_ptr<BoundTargets> targets;
  const int handle;
};

}  // namespace neurode::addon
