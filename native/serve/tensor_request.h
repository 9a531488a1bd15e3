// Reads requests for inference in the protocols KServe V2 and TensorFlow Serving V1. Tensors are
// read directly into floats.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "native/serve/datatype.h"

namespace neurode::serve {

// A tensor that a model takes or gives.
struct TensorShape {
  std::string name;
  std::vector<std::int64_t> shape;        // the shape of one row
  std::int64_t size = 1;                  // the number of values of one row
  std::optional<std::string> alias = {};  // another name, which requests may use
};

// The names and sizes that a model expects in requests.
struct TensorSpec {
  // Rows of all inputs lie side by side, in this order, in one row of the model's input.
  std::vector<TensorShape> inputs;
  std::vector<TensorShape> outputs;
  std::int64_t max_rows = 0;
  std::string limit_name;  // the name of the option that sets max_rows

  std::int64_t input_size() const {
    std::int64_t sum = 0;
    for (const TensorShape& input : inputs) sum += input.size;
    return sum;
  }
};

// Where the rows of an input are.
struct InputPlace {
  // The offset of the input's bytes in the body; -1: the input is in JSON.
  std::int64_t binary_begin = -1;
  Datatype datatype = Datatype::fp32;
  // In JSON: the index of the first of its values; -1: it has not been read.
  std::int64_t values_begin = -1;

  bool was_read() const { return binary_begin >= 0 || values_begin >= 0; }
};

struct RequestedOutput {
  int index = 0;
  bool is_binary = false;
};

struct TensorRequest {
  std::int64_t rows = 0;
  bool has_id = false;
  std::string id;
  bool is_rows = false;  // V1: the request has `instances`, not `inputs`
  // Whether `values` holds rows of all inputs, side by side.
  bool is_joined = false;
  std::vector<InputPlace> inputs;  // in the order of the spec
  // V2: the outputs of the answer in their order. None: all of them, binary or not.
  std::vector<RequestedOutput> outputs;
  bool is_binary = false;
};

// Both functions throw ERR_REQUEST. Numbers in JSON are stored in `values`, which has room for
// `room` floats. The room is the smaller of half the body's bytes plus one, and the size of all
// rows that the spec allows.
TensorRequest read_infer(const TensorSpec& spec, const char* body, std::size_t size,
                         std::int64_t header_length, float* values, std::int64_t room);
TensorRequest read_predict(const TensorSpec& spec, const char* body, std::size_t size,
                           float* values, std::int64_t room);

}  // namespace neurode::serve
