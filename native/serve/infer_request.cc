// Reads requests for inference in the protocol KServe V2.
#include <cmath>
#include <optional>

#include "native/engine/error.h"
#include "native/engine/number_text.h"
#include "native/serve/json_tensor.h"
#include "native/serve/request_members.h"
#include "native/serve/tensor_request.h"

namespace neurode::serve {
namespace {

using Place = JsonCursor::Place;

std::string datatype_names() {
  std::string names;
  for (const DatatypeRow& row : kDatatypes)
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

// A tensor of a request, as far as it has been read.
struct InferInput {
  std::optional<std::string> name;
  const DatatypeRow* datatype = nullptr;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::int64_t> binary_size;
  std::optional<JsonTensor> data;
};

// An unknown type is rejected here, because the data of such a type could be anything.
const DatatypeRow& read_datatype(JsonCursor& cursor) {
  const std::string name = cursor.string();
  for (const DatatypeRow& row : kDatatypes) {
    if (name == row.name) return row;
  }
  cursor.fail("one of " + datatype_names(), "'" + name + "'");
}

InferInput read_input(JsonCursor& cursor, float* values, std::int64_t room) {
  InferInput input;
  read_members(cursor, on("name", [&] { input.name = cursor.string(); }),
               on("datatype", [&] { input.datatype = &read_datatype(cursor); }),
               on("shape",
                  [&] {
                    auto& shape = input.shape.emplace();
                    cursor.elements("an array of whole numbers", [&] {
                      if (shape.size() == kMostDimensions)
                        cursor.fail("at most " + std::to_string(kMostDimensions) + " dimensions");
                      shape.push_back(cursor.count());
                    });
                  }),
               on("parameters",
                  [&] {
                    read_members(cursor, on("binary_data_size",
                                            [&] { input.binary_size = cursor.count(); }));
                  }),
               on("data", [&] { input.data = read_json_tensor(cursor, values, room); }));
  return input;
}

void check_values(JsonCursor& cursor, const DatatypeRow& row, const float* values,
                  std::int64_t count) {
  if (!row.is_whole) return;
  for (std::int64_t i = 0; i < count; ++i) {
    if (values[i] >= row.least && values[i] <= row.most && values[i] == std::trunc(values[i]))
      continue;
    fail_at(cursor, "data", std::string("values of ") + row.name,
            number_text(values[i]) + " at " + std::to_string(i));
  }
}

// Reads the tensors of a request, of which each input has one, in any order. The bytes of binary
// tensors follow the JSON in the order of the tensors.
class InferInputs {
 public:
  InferInputs(JsonCursor& cursor, const TensorSpec& spec, TensorRequest& request)
      : cursor_(cursor), spec_(spec), request_(request) {
    request_.inputs.resize(spec.inputs.size());
  }

  // `binary_begin` and `binary_end` are offsets in the body.
  void read(float* values, std::int64_t room, std::int64_t binary_begin, std::int64_t binary_end) {
    const std::vector<TensorShape>& inputs = spec_.inputs;
    std::int64_t used = 0, begin = binary_begin;
    std::size_t count = 0;
    cursor_.elements(inputs.size() == 1 ? "an array of one tensor" : "an array of tensors", [&] {
      if (count++ == inputs.size()) cursor_.fail(count_text("tensor", inputs), "more");
      const InferInput input = read_input(cursor_, values + used, room - used);
      InputPlace& place = request_.inputs[take(input)];
      const TensorShape& tensor = inputs[&place - request_.inputs.data()];
      check_rows(tensor, input);
      const std::int64_t size = request_.rows * tensor.size;
      place.datatype = static_cast<Datatype>(input.datatype - kDatatypes);
      if (input.binary_size) {
        check_binary(input, size, binary_end - begin);
        place.binary_begin = begin;
        begin += *input.binary_size;
      } else {
        check_json(input, size, values + used);
        place.values_begin = used;
        used += size;
      }
    });
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (request_.inputs[i].was_read()) continue;
      cursor_.fail(count_text("tensor", inputs),
                   count == 0 ? "none" : "no " + quoted(inputs[i].name));
    }
    if (begin != binary_end) {
      cursor_.fail("binary_data_size to count all " + std::to_string(binary_end - binary_begin) +
                       " bytes after the JSON",
                   std::to_string(begin - binary_begin));
    }
  }

 private:
  // The index of the input whose tensor this is.
  std::size_t take(const InferInput& input) {
    const std::string& name = required(cursor_, input.name, "name");
    const TensorShape* const tensor = find_tensor(spec_.inputs, name);
    if (tensor == nullptr) {
      const char* const one = spec_.inputs.size() == 1 ? "" : "one of ";
      fail_at(cursor_, "name", one + names_text(spec_.inputs), quoted(name));
    }
    const auto index = static_cast<std::size_t>(tensor - spec_.inputs.data());
    if (request_.inputs[index].was_read())
      fail_at(cursor_, "name", "each tensor once", quoted(name) + " twice");
    return index;
  }

  void check_rows(const TensorShape& tensor, const InferInput& input) {
    const std::vector<std::int64_t>& shape = required(cursor_, input.shape, "shape");
    const bool fits =
        !shape.empty() && shape[0] >= 1 && is_row_shape(tensor, shape.data() + 1, shape.size() - 1);
    if (!fits) fail_at(cursor_, "shape", expected_shape(spec_, tensor), shape_text(shape));
    {
      const Place place(cursor_, "shape");
      check_most_rows(cursor_, spec_, shape[0]);
      set_rows(cursor_, request_, shape[0]);
    }
    if (input.datatype == nullptr) fail_at(cursor_, "datatype", "a value", "none");
  }

  void check_binary(const InferInput& input, std::int64_t count, std::int64_t left) {
    if (input.data) cursor_.fail("'data' or binary data", "both");
    const std::int64_t bytes = count * input.datatype->bytes;
    const Place place(cursor_, "parameters");
    if (*input.binary_size != bytes) {
      fail_at(cursor_, "binary_data_size", std::to_string(bytes) + " for this shape",
              std::to_string(*input.binary_size));
    }
    if (left < bytes) {
      fail_at(cursor_, "binary_data_size", "as many bytes after the JSON, " + std::to_string(bytes),
              std::to_string(left));
    }
  }

  void check_json(const InferInput& input, std::int64_t count, const float* values) {
    const JsonTensor& data = required(cursor_, input.data, "data");
    const DatatypeRow& row = *input.datatype;
    if (!row.in_json)
      fail_at(cursor_, "data", std::string(row.name) + " as binary data", "numbers in JSON");
    if (data.sizes.size() == 1 ? data.count != count : data.sizes != *input.shape) {
      fail_at(cursor_, "data",
              shape_text({count}) + " or " + shape_text(*input.shape) + " as in shape",
              shape_text(data.sizes));
    }
    check_values(cursor_, row, values, count);
  }

  JsonCursor& cursor_;
  const TensorSpec& spec_;
  TensorRequest& request_;
};

// An output that the request asks for. No value: the output does not say whether it is binary.
struct NamedOutput {
  int index;
  std::optional<bool> is_binary;
};

std::vector<NamedOutput> read_outputs(JsonCursor& cursor, const TensorSpec& spec) {
  std::vector<NamedOutput> outputs;
  cursor.elements("an array", [&] {
    if (outputs.size() == spec.outputs.size())
      cursor.fail(count_text("output", spec.outputs), "more");
    std::optional<std::string> name;
    std::optional<bool> is_binary;
    read_members(cursor, on("name", [&] { name = cursor.string(); }), on("parameters", [&] {
                   read_members(cursor, on("binary_data", [&] { is_binary = cursor.boolean(); }),
                                on("classification", [&] { cursor.fail("no classification"); }));
                 }));
    const TensorShape* const output = find_tensor(spec.outputs, required(cursor, name, "name"));
    if (output == nullptr) {
      const char* const one = spec.outputs.size() == 1 ? "" : "one of ";
      fail_at(cursor, "name", one + names_text(spec.outputs), quoted(*name));
    }
    const int index = static_cast<int>(output - spec.outputs.data());
    for (const NamedOutput& other : outputs) {
      if (other.index == index)
        fail_at(cursor, "name", "each output once", quoted(*name) + " twice");
    }
    outputs.push_back({index, is_binary});
  });
  return outputs;
}

}  // namespace

TensorRequest read_infer(const TensorSpec& spec, const char* body, std::size_t size,
                         std::int64_t header_length, float* values, std::int64_t room) {
  const std::size_t json_size = header_length < 0 ? size : static_cast<std::size_t>(header_length);
  if (json_size > size) {
    throw Error("ERR_REQUEST", "Inference-Header-Content-Length: expected at most the body's " +
                                   std::to_string(size) + " bytes, got " +
                                   std::to_string(json_size));
  }
  const JsonText text(body, json_size);
  JsonCursor cursor(text);
  TensorRequest request;
  std::vector<NamedOutput> outputs;
  read_members(cursor,
               on("id",
                  [&] {
                    request.id = cursor.string();
                    request.has_id = true;
                  }),
               on("parameters",
                  [&] {
                    read_members(cursor, on("binary_data_output",
                                            [&] { request.is_binary = cursor.boolean(); }));
                  }),
               on("inputs",
                  [&] {
                    InferInputs(cursor, spec, request)
                        .read(values, room, static_cast<std::int64_t>(json_size),
                              static_cast<std::int64_t>(size));
                  }),
               on("outputs", [&] { outputs = read_outputs(cursor, spec); }));
  cursor.expect_end();
  if (request.rows == 0) fail_at(cursor, "inputs", "a value", "none");
  for (const NamedOutput& output : outputs)
    request.outputs.push_back({output.index, output.is_binary.value_or(request.is_binary)});
  return request;
}

}  // namespace neurode::serve
