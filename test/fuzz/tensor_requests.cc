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
    {.input_name = "input",
     .output_name = "output",
     .input_shape = {4},
     .input_size = 4,
     .max_rows = 3,
     .limit_name = "maxRows"},
    {.input_name = "x",
     .output_name = "y",
     .input_shape = {2, 3},
     .input_size = 6,
     .max_rows = 2,
     .limit_name = "maxRows"},
    {.input_name = "input",
     .output_name = "output",
     .input_shape = {},
     .input_size = 1,
     .max_rows = 4096,
     .limit_name = "maxRows"},
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
  const std::int64_t room = std::min(body_size / 2 + 1, spec.max_rows * spec.input_size);
  const auto values = std::make_unique<float[]>(room);
  try {
    const TensorRequest request =
        is_v1 ? read_predict(spec, body.get(), size - 2, values.get(), room)
              : read_infer(spec, body.get(), size - 2, header_length, values.get(), room);
    MUST(request.rows >= 1 && request.rows <= spec.max_rows);
    const std::int64_t count = request.rows * spec.input_size;
    if (request.binary_begin < 0) {
      MUST(count <= room);
      return;
    }
    MUST(!is_v1 && request.binary_begin == header_length);
    MUST(request.binary_begin + count * bytes_of(request.datatype) == body_size);
    const auto converted = std::make_unique<float[]>(count);
    convert(request.datatype, body.get() + request.binary_begin, count, converted.get());
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
