// Reads nested JSON arrays of numbers directly into floats.
#include "native/serve/json_tensor.h"

#include <algorithm>
#include <string>

#include "native/serve/decimal.h"

namespace neurode::serve {

void JsonTensorReader::set_length(std::size_t level, std::int64_t length) {
  if (sizes_.size() <= level) sizes_.resize(level + 1, 0);
  if (sizes_[level] == 0) sizes_[level] = length;
  if (sizes_[level] == length) return;
  cursor_.fail("as many elements as before, " + std::to_string(sizes_[level]),
               std::to_string(length));
}

void JsonTensorReader::read(std::size_t level) {
  if (level == kMostDimensions)
    cursor_.fail("at most " + std::to_string(kMostDimensions) + " dimensions");
  if (cursor_.peek() != '[') cursor_.fail("an array");
  cursor_.move_to(cursor_.position() + 1);
  if (cursor_.peek() == ']') {
    if (level > 0) cursor_.fail("at least one number", "an empty array");
    cursor_.move_to(cursor_.position() + 1);
    sizes_ = {0};
    return;
  }
  set_length(level, read_elements(level));
}

std::int64_t JsonTensorReader::read_elements(std::size_t level) {
  JsonCursor::Place place(cursor_, std::int64_t{0});
  const bool is_innermost = cursor_.peek() != '[';
  if (rank_ != 0 && is_innermost != (level + 1 == rank_))
    cursor_.fail(is_innermost ? "an array" : "a number");
  if (is_innermost) {
    rank_ = level + 1;
    return read_numbers(place);
  }
  std::int64_t length = 0;
  do {
    read(level + 1);
    place.move_to(++length);
  } while (cursor_.take(','));
  if (!cursor_.take(']')) cursor_.fail_syntax("',' or ']'");
  return length;
}

// Reads numbers up to and including the closing bracket. Returns how many.
std::int64_t JsonTensorReader::read_numbers(JsonCursor::Place& place) {
  const char* p = cursor_.position();
  const std::int64_t kept = std::min(count_, room_), room = room_ - kept;
  float* const values = values_ + kept;
  std::int64_t length = 0;
  for (;; ++length) {
    const auto stop = [&](const char* at) {
      cursor_.move_to(at);
      place.move_to(length);
    };
    const Decimal number = read_decimal(p, cursor_.end());
    if (number.error != DecimalError::none) {
      stop(p);
      if (number.error == DecimalError::range) cursor_.fail("a number that float32 can hold");
      if (number.end == p) cursor_.fail("a number");
      cursor_.move_to(number.end);
      cursor_.fail_syntax("a digit");
    }
    if (length < room) values[length] = number.value;
    p = number.end;
    if (*p == ',') {
      ++p;
    } else if (*p == ']') {
      break;
    } else {
      cursor_.move_to(p);
      const char next = cursor_.peek();
      p = cursor_.position();
      if (next == ']') break;
      if (next != ',') {
        stop(p);
        cursor_.fail_syntax("',' or ']'");
      }
      ++p;
    }
    if (static_cast<unsigned char>(*p) <= ' ') {
      cursor_.move_to(p);
      cursor_.peek();
      p = cursor_.position();
    }
  }
  cursor_.move_to(p + 1);
  ++length;
  count_ += length;
  return length;
}

float read_json_number(JsonCursor& cursor) {
  cursor.peek();
  const char* const begin = cursor.position();
  const Decimal number = read_decimal(begin, cursor.end());
  if (number.error == DecimalError::range) cursor.fail("a number that float32 can hold");
  if (number.error != DecimalError::none) {
    if (number.end == begin) cursor.fail("a number");
    cursor.move_to(number.end);
    cursor.fail_syntax("a digit");
  }
  cursor.move_to(number.end);
  return number.value;
}

JsonTensor read_json_tensor(JsonCursor& cursor, float* values, std::int64_t room) {
  JsonTensorReader reader(cursor, values, room);
  reader.read(0);
  return reader.finish();
}

}  // namespace neurode::serve
