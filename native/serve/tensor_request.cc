// Reads requests for inference in the protocols KServe V2 and TensorFlow Serving V1. Tensors are
// read directly into floats.
#include "native/serve/tensor_request.h"

#include <cmath>
#include <optional>
#include <utility>

#include "native/engine/error.h"
#include "native/engine/number_text.h"
#include "native/serve/json_cursor.h"
#include "native/serve/json_tensor.h"

namespace neurode::serve {
namespace {

using Place = JsonCursor::Place;

std::string datatype_names() {
  std::string names;
  for (const DatatypeRow& row : kDatatypes)
    names += (names.empty() ? "" : ", ") + std::string(row.name);
  return names;
}

// Throws if a member's name occurs twice.
class Once {
 public:
  explicit Once(const JsonCursor& cursor) : cursor_(cursor) {}
  void take(const std::string& name) {
    for (const std::string& taken : taken_) {
      if (taken == name) cursor_.fail("each member once", "'" + name + "' twice");
    }
    taken_.push_back(name);
  }

 private:
  const JsonCursor& cursor_;
  std::vector<std::string> taken_;
};

// Reads the members of an object by name. Members that have no reader are checked and ignored.
template <class... Reader>
void read_members(JsonCursor& cursor, std::pair<const char*, Reader>... readers) {
  Once once(cursor);
  cursor.members("an object", [&](const std::string& name) {
    bool known = false;
    const auto try_one = [&](const auto& reader) {
      if (known || name != reader.first) return;
      known = true;
      once.take(name);
      const Place place(cursor, reader.first);
      reader.second();
    };
    (try_one(readers), ...);
    if (known) return;
    const Place place(cursor, name);
    cursor.skip();
  });
}

template <class Reader>
std::pair<const char*, Reader> on(const char* name, Reader reader) {
  return {name, std::move(reader)};
}

std::string shape_text(const std::vector<std::int64_t>& shape, const char* first = nullptr) {
  std::string text = "[";
  if (first != nullptr) text += first;
  for (const std::int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string expected_shape(const TensorSpec& spec) {
  return shape_text(spec.input_shape, "n") + " with n from 1 to " + std::to_string(spec.max_rows);
}

// Throws if there are more rows than the spec allows. This check comes before others of the rows.
void check_most_rows(JsonCursor& cursor, const TensorSpec& spec, std::int64_t rows) {
  if (rows > spec.max_rows)
    cursor.fail("at most " + std::to_string(spec.max_rows) + " rows (" + spec.limit_name + ")",
                std::to_string(rows));
}

// Whether these are the sizes of one row of input, either in the model's shape or flat.
bool is_row_shape(const TensorSpec& spec, const std::int64_t* sizes, std::size_t rank) {
  if (rank == 1 && sizes[0] == spec.input_size) return true;
  return std::vector<std::int64_t>(sizes, sizes + rank) == spec.input_shape;
}

// The input of a V2 request, as far as it has been read. A request has exactly one input.
struct InferInput {
  std::optional<std::string> name;
  const DatatypeRow* datatype = nullptr;
  std::optional<std::vector<std::int64_t>> shape;
  std::optional<std::int64_t> binary_size;
  std::optional<JsonTensor> data;
};

[[noreturn]] void fail_at(JsonCursor& cursor, const char* member, const std::string& expected,
                          const std::string& got) {
  const Place place(cursor, member);
  cursor.fail(expected, got);
}

template <class T>
const T& required(JsonCursor& cursor, const std::optional<T>& member, const char* name) {
  if (!member) fail_at(cursor, name, "a value", "none");
  return *member;
}

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

// Checks the input against the spec. Sets the request's rows and the place of its values.
void check_input(JsonCursor& cursor, const TensorSpec& spec, const InferInput& input,
                 std::int64_t binary_begin, std::int64_t binary_bytes, const float* values,
                 TensorRequest& request) {
  const std::string& name = required(cursor, input.name, "name");
  if (name != spec.input_name)
    fail_at(cursor, "name", "'" + spec.input_name + "'", "'" + name + "'");
  const std::vector<std::int64_t>& shape = required(cursor, input.shape, "shape");
  const bool fits =
      !shape.empty() && shape[0] >= 1 && is_row_shape(spec, shape.data() + 1, shape.size() - 1);
  if (!fits) fail_at(cursor, "shape", expected_shape(spec), shape_text(shape));
  {
    const Place place(cursor, "shape");
    check_most_rows(cursor, spec, shape[0]);
  }
  request.rows = shape[0];
  const std::int64_t count = request.rows * spec.input_size;

  if (input.datatype == nullptr) fail_at(cursor, "datatype", "a value", "none");
  const DatatypeRow& row = *input.datatype;
  request.datatype = static_cast<Datatype>(&row - kDatatypes);

  if (input.binary_size) {
    if (input.data) cursor.fail("'data' or binary data", "both");
    const std::int64_t bytes = count * row.bytes;
    if (*input.binary_size != bytes) {
      const Place place(cursor, "parameters");
      fail_at(cursor, "binary_data_size", std::to_string(bytes) + " for this shape",
              std::to_string(*input.binary_size));
    }
    if (binary_bytes != bytes) {
      const Place place(cursor, "parameters");
      fail_at(cursor, "binary_data_size", "as many bytes after the JSON, " + std::to_string(bytes),
              std::to_string(binary_bytes));
    }
    request.binary_begin = binary_begin;
    return;
  }
  if (binary_bytes != 0) {
    cursor.fail("a binary_data_size for the bytes after the JSON", "none");
  }
  const JsonTensor& data = required(cursor, input.data, "data");
  if (!row.in_json)
    fail_at(cursor, "data", std::string(row.name) + " as binary data", "numbers in JSON");
  if (data.sizes.size() == 1 ? data.count != count : data.sizes != shape) {
    fail_at(cursor, "data", shape_text({count}) + " or " + shape_text(shape) + " as in shape",
            shape_text(data.sizes));
  }
  check_values(cursor, row, values, count);
}

// Whether the request asks for binary output. No value: the output does not say.
std::optional<bool> read_outputs(JsonCursor& cursor, const TensorSpec& spec) {
  std::optional<bool> is_binary;
  int count = 0;
  cursor.elements("an array", [&] {
    if (count++ > 0) cursor.fail("one output, '" + spec.output_name + "'", "more");
    std::optional<std::string> name;
    read_members(cursor, on("name", [&] { name = cursor.string(); }), on("parameters", [&] {
                   read_members(cursor, on("binary_data", [&] { is_binary = cursor.boolean(); }),
                                on("classification", [&] { cursor.fail("no classification"); }));
                 }));
    if (required(cursor, name, "name") != spec.output_name)
      fail_at(cursor, "name", "'" + spec.output_name + "'", "'" + *name + "'");
  });
  return is_binary;
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
  bool binary_by_default = false;
  std::optional<bool> is_binary;
  std::optional<InferInput> input;
  const auto begin = static_cast<std::int64_t>(json_size);
  read_members(cursor,
               on("id",
                  [&] {
                    request.id = cursor.string();
                    request.has_id = true;
                  }),
               on("parameters",
                  [&] {
                    read_members(cursor, on("binary_data_output",
                                            [&] { binary_by_default = cursor.boolean(); }));
                  }),
               on("inputs",
                  [&] {
                    cursor.elements("an array of one tensor", [&] {
                      if (input) cursor.fail("one tensor, '" + spec.input_name + "'", "more");
                      input = read_input(cursor, values, room);
                      check_input(cursor, spec, *input, begin,
                                  static_cast<std::int64_t>(size) - begin, values, request);
                    });
                    if (!input) cursor.fail("one tensor, '" + spec.input_name + "'", "none");
                  }),
               on("outputs", [&] { is_binary = read_outputs(cursor, spec); }));
  cursor.expect_end();
  required(cursor, input, "inputs");
  request.binary_output = is_binary.value_or(binary_by_default);
  return request;
}

TensorRequest read_predict(const TensorSpec& spec, const char* body, std::size_t size,
                           float* values, std::int64_t room) {
  const JsonText text(body, size);
  JsonCursor cursor(text);
  TensorRequest request;
  std::optional<JsonTensor> tensor;
  // Reads a tensor, either directly or as the member of an object that has the input's name.
  const auto named = [&](auto read) {
    if (cursor.peek() != '{') return read();
    bool found = false;
    cursor.members("an object", [&](const std::string& name) {
      if (name != spec.input_name || found)
        cursor.fail("one member, '" + spec.input_name + "'", "'" + name + "'");
      found = true;
      const Place place(cursor, spec.input_name);
      read();
    });
    if (!found) cursor.fail("a member '" + spec.input_name + "'", "none");
  };
  const auto once = [&](const char* name) {
    if (tensor) cursor.fail("'instances' or 'inputs'", std::string("'") + name + "' too");
  };
  const auto check = [&] {
    const std::vector<std::int64_t>& sizes = tensor->sizes;
    if (sizes[0] < 1) cursor.fail("at least one row", "none");
    check_most_rows(cursor, spec, sizes[0]);
    if (!is_row_shape(spec, sizes.data() + 1, sizes.size() - 1)) {
      if (!request.is_rows) cursor.fail("shape " + expected_shape(spec), shape_text(sizes));
      const Place place(cursor, std::int64_t{0});  // all rows have the shape of the first
      cursor.fail("shape " + shape_text(spec.input_shape),
                  shape_text({sizes.begin() + 1, sizes.end()}));
    }
    request.rows = sizes[0];
  };
  read_members(cursor, on("signature_name", [&] { cursor.string(); }),
               on("instances",
                  [&] {
                    once("instances");
                    request.is_rows = true;
                    JsonTensorReader reader(cursor, values, room);
                    std::int64_t rows = 0;
                    cursor.elements("an array of rows", [&] {
                      named([&] { reader.read(1); });
                      ++rows;
                    });
                    if (rows == 0) cursor.fail("at least one row", "none");
                    reader.set_length(0, rows);
                    tensor = reader.finish();
                    check();
                  }),
               on("inputs", [&] {
                 once("inputs");
                 named([&] { tensor = read_json_tensor(cursor, values, room); });
                 check();
               }));
  cursor.expect_end();
  if (!tensor) cursor.fail("a member 'instances' or 'inputs'", "none");
  return request;
}

}  // namespace neurode::serve
