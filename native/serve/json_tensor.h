// Reads nested JSON arrays of numbers directly into floats.
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

// Appends numbers to `values`. Numbers beyond `room` are read and counted but not stored: a later
// check of the shape rejects such tensors. All arrays of a level must have the same length.
class JsonTensorReader {
 public:
  JsonTensorReader(JsonCursor& cursor, float* values, std::int64_t room)
      : cursor_(cursor), values_(values), room_(room) {}

  // Reads an array that is nested `level` arrays deep.
  void read(std::size_t level);
  // Records the length of an array whose elements the caller has read one by one.
  void set_length(std::size_t level, std::int64_t length);
  JsonTensor finish() const { return {sizes_, count_}; }

 private:
  std::int64_t read_elements(std::size_t level);
  std::int64_t read_numbers(JsonCursor::Place& place);

  JsonCursor& cursor_;
  float* const values_;
  const std::int64_t room_;
  std::int64_t count_ = 0;
  std::size_t rank_ = 0;  // 0: not yet known
  std::vector<std::int64_t> sizes_;
};

// Reads a number that is in no array.
float read_json_number(JsonCursor& cursor);

JsonTensor read_json_tensor(JsonCursor& cursor, float* values, std::int64_t room);

}  // namespace neurode::serve
