// Reads requests for inference in the protocols KServe V2 and TensorFlow Serving V1. Tensors are
// read directly into floats.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "native/serve/datatype.h"

namespace neurode::serve {

// The names and sizes that a model expects in requests.
struct TensorSpec {
  std::string input_name;
  std::string output_name;
  std::vector<std::int64_t> input_shape;  // the shape of one row
  std::int64_t input_size = 1;
  std::int64_t max_rows = 0;
  std::string limit_name;  // the name of the option that sets max_rows
};

struct TensorRequest {
  std::int64_t rows = 0;
  bool has_id = false;
  std::string id;
  bool binary_output = false;
  bool is_rows = false;  // V1: the request has `instances`, not `inputs`
  // The offset of the input's bytes in the body; -1: the input is in JSON.
  std::int64_t binary_begin = -1;
  Datatype datatype = Datatype::fp32;
};

// Both functions throw ERR_REQUEST. Numbers in JSON are stored in `values`, which has room for
// `room` floats. The room is the smaller of half the body's bytes plus one, and the size of all
// rows that the spec allows.
TensorRequest read_infer(const TensorSpec& spec, const char* body, std::size_t size,
                         std::int64_t header_length, float* values, std::int64_t room);
TensorRequest read_predict(const TensorSpec& spec, const char* body, std::size_t size,
                           float* values, std::int64_t room);

}  // namespace neurode::serve
