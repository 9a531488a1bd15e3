// Reads requests for inference in TensorFlow Serving's protocol V1.
#include <algorithm>

#include "native/serve/json_tensor.h"
#include "native/serve/request_members.h"
#include "native/serve/tensor_request.h"

namespace neurode::serve {
namespace {

using Place = JsonCursor::Place;

// Reads the tensors of a request: rows (`instances`) or columns (`inputs`), under the names of the
// inputs. A model of one input takes its tensor without the name, too.
class PredictInputs {
 public:
  PredictInputs(JsonCursor& cursor, const TensorSpec& spec, TensorRequest& request, float* values,
                std::int64_t room)
      : cursor_(cursor),
        spec_(spec),
        request_(request),
        values_(values),
        room_(room),
        expected_(spec.inputs.size() == 1 ? "an object"
                                          : "an object with " + names_text(spec.inputs)) {
    request_.inputs.resize(spec_.inputs.size());
  }

  void read_instances() {
    const bool is_list = spec_.inputs.size() == 1 && spec_.inputs[0].size > 1;
    const std::int64_t rows = is_list ? read_rows() : read_records();
    if (rows == 0) cursor_.fail("at least one row", "none");
    request_.inputs[0].values_begin = 0;
  }

  void read_columns() {
    std::int64_t used = 0;
    named([&](std::size_t i) {
      const JsonTensor tensor = read_json_tensor(cursor_, values_ + used, room_ - used);
      check(spec_.inputs[i], tensor.sizes);
      request_.inputs[i].values_begin = used;
      used += request_.rows * spec_.inputs[i].size;
    });
  }

 private:
  // Rows of the only input, all of one shape.
  std::int64_t read_rows() {
    JsonTensorReader reader(cursor_, values_, room_);
    std::int64_t rows = 0;
    cursor_.elements("an array of rows", [&] {
      named([&](std::size_t) { reader.read(1); });
      ++rows;
    });
    if (rows == 0) return 0;
    reader.set_length(0, rows);
    check(spec_.inputs[0], reader.finish().sizes);
    return rows;
  }

  // Objects with a row for each input. The rows are stored side by side. A row of one value may be
  // a bare number.
  std::int64_t read_records() {
    request_.is_joined = true;
    const std::int64_t row_size = spec_.input_size();
    std::int64_t rows = 0;
    cursor_.elements("an array of rows", [&] {
      named([&](std::size_t i) {
        const TensorShape& tensor = spec_.inputs[i];
        std::int64_t at = rows * row_size;
        for (std::size_t before = 0; before < i; ++before) at += spec_.inputs[before].size;
        at = std::min(at, room_);
        if (tensor.size == 1 && cursor_.peek() != '[') {
          const float value = read_json_number(cursor_);
          if (at < room_) values_[at] = value;
          return;
        }
        const JsonTensor row =
            read_json_tensor(cursor_, values_ + at, std::min(tensor.size, room_ - at));
        if (!is_row_shape(tensor, row.sizes.data(), row.sizes.size()))
          cursor_.fail("shape " + shape_text(tensor.shape), shape_text(row.sizes));
      });
      ++rows;
    });
    check_most_rows(cursor_, spec_, rows);
    request_.rows = rows;
    return rows;
  }

  // Reads what is there for each input with read(index).
  template <class Read>
  void named(Read read) {
    const std::vector<TensorShape>& inputs = spec_.inputs;
    const bool is_one = inputs.size() == 1;
    if (is_one && cursor_.peek() != '{') return read(0);
    std::vector<bool> found(inputs.size());
    cursor_.members(expected_.c_str(), [&](const std::string& name) {
      const TensorShape* const tensor = find_tensor(inputs, name);
      if (tensor == nullptr || (is_one && found[0]))
        cursor_.fail(count_text("member", inputs), quoted(name));
      const auto i = static_cast<std::size_t>(tensor - inputs.data());
      if (found[i]) cursor_.fail("each member once", quoted(name) + " twice");
      found[i] = true;
      const Place place(cursor_, name);
      read(i);
    });
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!found[i]) cursor_.fail("a member " + quoted(inputs[i].name), "none");
    }
  }

  void check(const TensorShape& tensor, const std::vector<std::int64_t>& sizes) {
    if (sizes[0] < 1) cursor_.fail("at least one row", "none");
    check_most_rows(cursor_, spec_, sizes[0]);
    if (!is_row_shape(tensor, sizes.data() + 1, sizes.size() - 1)) {
      if (!request_.is_rows)
        cursor_.fail("shape " + expected_shape(spec_, tensor), shape_text(sizes));
      const Place place(cursor_, std::int64_t{0});  // all rows have the shape of the first
      cursor_.fail("shape " + shape_text(tensor.shape),
                   shape_text({sizes.begin() + 1, sizes.end()}));
    }
    set_rows(cursor_, request_, sizes[0]);
  }

  JsonCursor& cursor_;
  const TensorSpec& spec_;
  TensorRequest& request_;
  float* const values_;
  const std::int64_t room_;
  const std::string expected_;  // where the inputs have names
};

}  // namespace

TensorRequest read_predict(const TensorSpec& spec, const char* body, std::size_t size,
                           float* values, std::int64_t room) {
  const JsonText text(body, size);
  JsonCursor cursor(text);
  TensorRequest request;
  PredictInputs inputs(cursor, spec, request, values, room);
  const auto once = [&](const char* name) {
    if (request.rows != 0)
      cursor.fail("'instances' or 'inputs'", std::string("'") + name + "' too");
  };
  read_members(cursor, on("signature_name", [&] { cursor.string(); }),
               on("instances",
                  [&] {
                    once("instances");
                    request.is_rows = true;
                    inputs.read_instances();
                  }),
               on("inputs", [&] {
                 once("inputs");
                 inputs.read_columns();
               }));
  cursor.expect_end();
  if (request.rows == 0) cursor.fail("a member 'instances' or 'inputs'", "none");
  return request;
}

}  // namespace neurode::serve
