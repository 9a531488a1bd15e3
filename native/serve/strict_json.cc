// Checks JSON that JavaScript will parse.
#include "native/serve/strict_json.h"

#include <unordered_set>

#include "native/serve/json_cursor.h"

namespace neurode::serve {
namespace {

void check_value(JsonCursor& cursor, int depth) {
  const char first = cursor.peek();
  if (depth == JsonCursor::kDeepest || (first != '{' && first != '[')) {
    cursor.skip(depth);
  } else if (first == '[') {
    cursor.elements("an array", [&] { check_value(cursor, depth + 1); });
  } else {
    std::unordered_set<std::string> names;
    cursor.members("an object", [&](const std::string& name) {
      if (!names.insert(name).second) cursor.fail("each member once", "'" + name + "' twice");
      const JsonCursor::Place place(cursor, name);
      check_value(cursor, depth + 1);
    });
  }
}

}  // namespace

void check_strict_json(const char* text, std::size_t size) {
  const JsonText copy(text, size);
  JsonCursor cursor(copy);
  check_value(cursor, 0);
  cursor.expect_end();
}

}  // namespace neurode::serve
