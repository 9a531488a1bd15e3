// Reads requests of both protocols, with tensors in JSON or after the JSON, for models of several
// shapes.
#include <algorithm>
#include <bit>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "native/engine/error.h"
#include "native/serve/tensor_request.h"
#include "test/fuzz/fuzz.h"

namespace neurode::serve {
namespace {

constexpr std::size_t kLongestMessage = 1000;

const TensorSpec kSpecs[] = {
    {{{"input", {4}, 4}}, {{"output", {2}, 2}}, 3, "maxRows"},
    {{{"x", {2, 3}, 6}}, {{"y", {2}, 2}}, 2, "maxRows"},
    {{{"input", {}, 1}}, {{"output", {2}, 2}}, 4096, "maxRows"},
    {{{"a", {2}, 2}, {"b", {1, 3}, 3}}, {{"x", {1}, 1}, {"y", {2}, 2}}, 3, "maxRows"},
};

// The first byte chooses the protocol and the model. The second byte is the length of the JSON in
// V2, in units of 4 bytes, to which the two highest bits of the first byte are added; 255: no
// length is given.
void check(const std::uint8_t* data, std::size_t size) {
  const TensorSpec& spec = kSpecs[data[0] / 2 % std::size(kSpecs)];
  const bool is_v1 = data[0] % 2 == 1;
  const std::int64_t header_length = data[1] == 255 ? -1 : data[1] * 4 + data[0] / 64;
  const auto body = std::make_unique<char[]>(size - 2);
  std::memcpy(body.get(), data + 2, size - 2);
  const auto body_size = static_cast<std::int64_t>(size - 2);
  const std::int64_t room = std::min(body_size / 2 + 1, spec.max_rows * spec.input_size());
  const auto values = std::make_unique<float[]>(room);
  try {
    const TensorRequest request =
        is_v1 ? read_predict(spec, body.get(), size - 2, values.get(), room)
              : read_infer(spec, body.get(), size - 2, header_length, values.get(), room);
    MUST(request.rows >= 1 && request.rows <= spec.max_rows);
    std::int64_t in_json = 0, begin = std::max<std::int64_t>(header_length, 0);
    bool is_binary = false;
    for (std::size_t i = 0; i < spec.inputs.size(); ++i) {
      const InputPlace& place = request.inputs[i];
      const std::int64_t count = request.rows * spec.inputs[i].size;
      if (place.binary_begin < 0) {
        MUST(request.is_joined || place.values_begin + count <= room);
        in_json += count;
        continue;
      }
      is_binary = true;
      MUST(!is_v1 && place.binary_begin >= header_length);
      MUST(place.binary_begin + count * bytes_of(place.datatype) <= body_size);
      begin += count * bytes_of(place.datatype);
      const auto converted = std::make_unique<float[]>(count);
      convert(place.datatype, body.get() + place.binary_begin, count, converted.get());
    }
    MUST(in_json <= room && (!is_binary || begin == body_size));
    MUST(request.outputs.size() <= spec.outputs.size());
  } catch (const Error& error) {
    MUST(std::string_view(error.code) == "ERR_REQUEST");
    const std::string message = error.what();
    MUST(!message.empty() && message.size() < kLongestMessage);
  }
}

}  // namespace
}  // namespace neurode::serve

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size >= 2) neurode::serve::check(data, size);
  return 0;
}
