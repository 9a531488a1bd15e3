// Requests for inference, their tensors read straight into floats: KServe V2 and TensorFlow
// Serving's V1.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native/serve/datatype.h"

namespace neurode::serve {

// What a model's requests look like.
struct TensorSpec {
  std::string input_name;
  std::string output_name;
  std::vector<std::int64_t> input_shape;  // of one row
  std::int64_t input_size = 1;
  std::int64_t max_rows = 0;
  std::string limit_name;  // the option that sets max_rows
};

struct TensorRequest {
  std::int64_t rows = 0;
  bool has_id = false;
  std::string id;
  bool binary_output = false;
  bool is_rows = false;            // V1: `instances`, not `inputs`
  std::int64_t binary_begin = -1;  // where in the body the bytes of the input are; -1: in JSON
  Datatype datatype = Datatype::fp32;
};

// Both throw ERR_REQUEST. Numbers in JSON go to `values`, which has room for `room`: half of the
// body's bytes and one more, or all rows that the spec allows, whichever is less.
TensorRequest read_infer(const TensorSpec& spec, const char* body, std::size_t size,
                         std::int64_t header_length, float* values, std::int64_t room);
TensorRequest read_predict(const TensorSpec& spec, const char* body, std::size_t size,
                           float* values, std::int64_t room);

}  // namespace neurode::serve
