// What both protocols read in the same way: members of objects, and shapes of tensors.
#include "native/serve/request_members.h"

namespace neurode::serve {

std::string names_text(const std::vector<TensorShape>& tensors) {
  std::string text;
  for (const TensorShape& tensor : tensors)
    text += (text.empty() ? "" : ", ") + quoted(tensor.name);
  return text;
}

std::string count_text(const std::string& what, const std::vector<TensorShape>& tensors) {
  const std::size_t count = tensors.size();
  const std::string number = count == 1 ? "one " + what : std::to_string(count) + " " + what + "s";
  return number + ", " + names_text(tensors);
}

std::string shape_text(const std::vector<std::int64_t>& shape, const char* first) {
  std::string text = "[";
  if (first != nullptr) text += first;
  for (const std::int64_t size : shape)
    text += (text.size() > 1 ? ", " : "") + std::to_string(size);
  return text + "]";
}

std::string expected_shape(const TensorSpec& spec, const TensorShape& tensor) {
  return shape_text(tensor.shape, "n") + " with n from 1 to " + std::to_string(spec.max_rows);
}

const TensorShape* find_tensor(const std::vector<TensorShape>& tensors, const std::string& name) {
  for (const TensorShape& tensor : tensors)
    if (tensor.name == name || (tensor.alias && *tensor.alias == name)) return &tensor;
  return nullptr;
}

void check_most_rows(JsonCursor& cursor, const TensorSpec& spec, std::int64_t rows) {
  if (rows > spec.max_rows)
    cursor.fail("at most " + std::to_string(spec.max_rows) + " rows (" + spec.limit_name + ")",
                std::to_string(rows));
}

void set_rows(JsonCursor& cursor, TensorRequest& request, std::int64_t rows) {
  if (request.rows != 0 && rows != request.rows) {
    cursor.fail("as many rows as the tensor before, " + std::to_string(request.rows),
                std::to_string(rows));
  }
  request.rows = rows;
}

bool is_row_shape(const TensorShape& tensor, const std::int64_t* sizes, std::size_t rank) {
  if (rank == 0 && tensor.size == 1) return true;
  if (rank == 1 && sizes[0] == tensor.size) return true;
  return std::vector<std::int64_t>(sizes, sizes + rank) == tensor.shape;
}

}  // namespace neurode::serve
