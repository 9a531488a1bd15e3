// What both protocols read in the same way: members of objects, and shapes of tensors.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "native/serve/json_cursor.h"
#include "native/serve/tensor_request.h"

namespace neurode::serve {

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
      const JsonCursor::Place place(cursor, reader.first);
      reader.second();
    };
    (try_one(readers), ...);
    if (known) return;
    const JsonCursor::Place place(cursor, name);
    cursor.skip();
  });
}

template <class Reader>
std::pair<const char*, Reader> on(const char* name, Reader reader) {
  return {name, std::move(reader)};
}

[[noreturn]] inline void fail_at(JsonCursor& cursor, const char* member,
                                 const std::string& expected, const std::string& got) {
  const JsonCursor::Place place(cursor, member);
  cursor.fail(expected, got);
}

template <class T>
const T& required(JsonCursor& cursor, const std::optional<T>& member, const char* name) {
  if (!member) fail_at(cursor, name, "a value", "none");
  return *member;
}

inline std::string quoted(const std::string& name) { return "'" + name + "'"; }

// The names of all tensors: "'a', 'b'".
std::string names_text(const std::vector<TensorShape>& tensors);
// "one tensor, 'a'", or "2 tensors, 'a', 'b'", with another word for a tensor.
std::string count_text(const std::string& what, const std::vector<TensorShape>& tensors);
// "[n, 2, 3] with n from 1 to 4": the shape of the rows of a tensor.
std::string expected_shape(const TensorSpec& spec, const TensorShape& tensor);
std::string shape_text(const std::vector<std::int64_t>& shape, const char* first = nullptr);

// The tensor of this name, or nullptr.
const TensorShape* find_tensor(const std::vector<TensorShape>& tensors, const std::string& name);

// Throws if there are more rows than the spec allows. This check comes before others of the rows.
void check_most_rows(JsonCursor& cursor, const TensorSpec& spec, std::int64_t rows);
// Sets the request's rows; throws if a tensor before had another number of them.
void set_rows(JsonCursor& cursor, TensorRequest& request, std::int64_t rows);
// Whether these are the sizes of one row of a tensor, either in the model's shape or flat.
bool is_row_shape(const TensorShape& tensor, const std::int64_t* sizes, std::size_t rank);

}  // namespace neurode::serve
