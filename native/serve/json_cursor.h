// A strict JSON reader that reads a text once. Its errors name the place of the error.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace neurode::serve {

// A copy of the text, followed by zeros. No JSON text contains a zero byte, so the reader stops at
// the end.
class JsonText {
 public:
  JsonText(const char* data, std::size_t size);
  const char* begin() const { return text_.data(); }
  const char* end() const { return text_.data() + size_; }

 private:
  static constexpr std::size_t kPadding = 16;
  std::vector<char>& text_;  // a buffer of this thread
  const std::size_t size_;
};

class JsonCursor {
 public:
  // The most levels of a value that nobody reads.
  static constexpr int kDeepest = 64;

  explicit JsonCursor(const JsonText& text) : begin_(text.begin()), end_(text.end()), p_(begin_) {}

  // The place of a value, such as `inputs[0].data`, for error messages.
  class Place {
   public:
    Place(JsonCursor& cursor, std::string_view name) : cursor_(cursor) {
      cursor.path_.push_back({name, 0});
    }
    Place(JsonCursor& cursor, std::int64_t index) : cursor_(cursor) {
      cursor.path_.push_back({{}, index});
    }
    ~Place() { cursor_.path_.pop_back(); }
    Place(const Place&) = delete;
    Place& operator=(const Place&) = delete;
    void move_to(std::int64_t index) { cursor_.path_.back().index = index; }

   private:
    JsonCursor& cursor_;
  };

  // Throws ERR_REQUEST: "<place>: expected <expected>, got <what is here>".
  [[noreturn]] void fail(const std::string& expected) const;
  // As above, with another text after "got".
  [[noreturn]] void fail(const std::string& expected, const std::string& got) const;

  // Skips white space and returns the next character.
  char peek() {
    while (*p_ == ' ' || *p_ == '\n' || *p_ == '\r' || *p_ == '\t') ++p_;
    return *p_;
  }
  bool take(char c) {
    if (peek() != c) return false;
    ++p_;
    return true;
  }
  const char* position() const { return p_; }
  const char* end() const { return end_; }
  void move_to(const char* p) { p_ = p; }
  std::int64_t offset() const { return p_ - begin_; }

  // Throws if anything but white space follows.
  void expect_end();
  // Reads a string and replaces its escapes.
  std::string string();
  bool boolean();
  // Reads a whole number from 0 to 2^53 - 1.
  std::int64_t count();
  // Reads any value, checks its syntax, and ignores the value.
  void skip(int depth = 0);

  // Calls visit(name) for each member. visit must read the member's value.
  template <class Visit>
  void members(const char* expected, Visit visit) {
    if (!take('{')) fail(expected);
    if (take('}')) return;
    do {
      if (peek() != '"') fail_syntax("a name in double quotes");
      const std::string name = string();
      if (!take(':')) fail_syntax("':'");
      visit(name);
    } while (take(','));
    if (!take('}')) fail_syntax("',' or '}'");
  }
  // Calls visit() for each element. visit must read the element.
  template <class Visit>
  void elements(const char* expected, Visit visit) {
    if (!take('[')) fail(expected);
    if (take(']')) return;
    std::int64_t index = 0;
    Place place(*this, index);
    do {
      visit();
      place.move_to(++index);
    } while (take(','));
    if (!take(']')) fail_syntax("',' or ']'");
  }

  // Throws ERR_REQUEST for text that is not JSON.
  [[noreturn]] void fail_syntax(const char* expected) const;

 private:
  struct Step {
    std::string_view name;  // name of a member; empty: the step is the element at `index`
    std::int64_t index;
  };

  std::string here() const;
  std::string what_is_here() const;
  std::uint32_t escape_code();

  const char* const begin_;
  const char* const end_;
  const char* p_;
  std::vector<Step> path_;
};

}  // namespace neurode::serve
