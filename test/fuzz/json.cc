// Reads JSON values and arrays of numbers. The earlier contents of the memory for a text must not
// change the result.
#include <bit>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "native/engine/error.h"
#include "native/serve/json_cursor.h"
#include "native/serve/json_tensor.h"
#include "native/serve/strict_json.h"
#include "test/fuzz/fuzz.h"

namespace neurode::serve {
namespace {

constexpr std::size_t kLongestMessage = 1000;
constexpr std::int64_t kRoom = 64;

struct Outcome {
  std::string error;  // empty: no error
  std::vector<std::int64_t> sizes;
  std::vector<std::uint32_t> bits;
  bool operator==(const Outcome&) const = default;
};

// Fills the memory into which texts are copied.
void leave_behind(char filler, std::size_t size) {
  const std::string text(size, filler);
  const JsonText written(text.data(), text.size());
}

template <class Read>
std::string error_of(Read read) {
  try {
    read();
    return {};
  } catch (const Error& error) {
    MUST(std::string_view(error.code) == "ERR_REQUEST");
    const std::string message = error.what();
    MUST(!message.empty() && message.size() < kLongestMessage);
    return message;
  }
}

Outcome read_value(const char* data, std::size_t size) {
  return {.error = error_of([&] {
            const JsonText text(data, size);
            JsonCursor cursor(text);
            cursor.skip();
            cursor.expect_end();
            MUST(cursor.offset() == static_cast<std::int64_t>(size));
          })};
}

Outcome check_strictly(const char* data, std::size_t size) {
  return {.error = error_of([&] { check_strict_json(data, size); })};
}

Outcome read_tensor(const char* data, std::size_t size) {
  Outcome outcome;
  // The memory has exactly kRoom numbers, so that the sanitizer finds any write after its end.
  const auto values = std::make_unique<float[]>(kRoom);
  outcome.error = error_of([&] {
    const JsonText text(data, size);
    JsonCursor cursor(text);
    const JsonTensor tensor = read_json_tensor(cursor, values.get(), kRoom);
    cursor.expect_end();
    std::int64_t count = 1;
    for (const std::int64_t length : tensor.sizes) count *= length;
    MUST(count == tensor.count && !tensor.sizes.empty() && tensor.sizes.size() <= kMostDimensions);
    outcome.sizes = tensor.sizes;
    for (std::int64_t i = 0; i < std::min(count, kRoom); ++i)
      outcome.bits.push_back(std::bit_cast<std::uint32_t>(values[i]));
  });
  return outcome;
}

template <class Read>
Outcome same_twice(const char* data, std::size_t size, Read read) {
  leave_behind('1', size + 64);
  const Outcome first = read(data, size);
  leave_behind('"', size + 64);
  MUST(read(data, size) == first);
  return first;
}

}  // namespace
}  // namespace neurode::serve

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace neurode::serve;
  const auto* const text = reinterpret_cast<const char*>(data);
  const Outcome value = same_twice(text, size, read_value);
  const Outcome tensor = same_twice(text, size, read_tensor);
  // What is strictly JSON is JSON.
  if (same_twice(text, size, check_strictly).error.empty()) MUST(value.error.empty());
  // An array of numbers is JSON.
  if (tensor.error.empty()) MUST(value.error.empty());
  return 0;
}
