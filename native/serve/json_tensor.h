// Numbers in arrays in arrays, read from JSON straight into floats.
#pragma once

#include <cstdint>
#include <vector>

#include "native/serve/json_cursor.h"

namespace neurode::serve {

constexpr std::size_t kMostDimensions = 32;

struct JsonTensor {
  std::vector<std::int64_t> sizes;
  std::int64_t count;
};

// Appends to `values`. Numbers beyond `room` are read and counted, and not kept: what has too many
// is refused by its shape. All arrays of a level must have the same length.
class JsonTensorReader {
 public:
  JsonTensorReader(JsonCursor& cursor, float* values, std::int64_t room)
      : cursor_(cursor), values_(values), room_(room) {}

  // An array that is `level` arrays deep.
  void read(std::size_t level);
  // An array was read by others, element by element.
  void set_length(std::size_t level, std::int64_t length);
  JsonTensor finish() const { return {sizes_, count_}; }

 private:
  std::int64_t read_elements(std::size_t level);
  std::int64_t read_numbers(JsonCursor::Place& place);

  JsonCursor& cursor_;
  float* const values_;
  const std::int64_t room_;
  std::int64_t count_ = 0;
  std::size_t rank_ = 0;  // 0: not known yet
  std::vector<std::int64_t> sizes_;
};

JsonTensor read_json_tensor(JsonCursor& cursor, float* values, std::int64_t room);

}  // namespace neurode::serve
