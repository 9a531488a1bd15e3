// The interface that reads a layer's description, whatever form the description has.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native/engine/op_table.h"
#include "native/engine/plan.h"

namespace neurode {

// Every function but has() throws Error if the member is absent, of another type or out of bounds.
class LayerReader {
 public:
  virtual ~LayerReader() = default;

  virtual bool has(const char* member) const = 0;
  virtual std::string text(const char* member) const = 0;
  virtual bool flag(const char* member) const = 0;
  virtual double number(const char* member) const = 0;
  virtual std::int64_t integer(const char* member, std::int64_t least, std::int64_t most) const = 0;
  virtual Op op(const char* member, OpKind kind) const = 0;
  virtual Along along(const char* member) const = 0;
  virtual std::vector<int> integers(const char* member, std::int64_t most) const = 0;
  virtual ParameterPlan parameter(const char* member) const = 0;

  float real(const char* member) const { return static_cast<float>(number(member)); }
  int size(const char* member, std::int64_t most = kMostFeatures) const {
    return static_cast<int>(integer(member, 1, most));
  }
  int size_or(const char* member, int standard) const {
    return has(member) ? size(member) : standard;
  }
};

}  // namespace neurode
