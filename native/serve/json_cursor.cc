// A strict JSON reader that reads a text once. Its errors name the place of the error.
#include "native/serve/json_cursor.h"

#include <cstring>

#include "native/engine/error.h"
#include "native/serve/decimal.h"

namespace neurode::serve {
namespace {

constexpr std::size_t kKept = std::size_t{1} << 20;  // bytes that are kept for the next request

std::vector<char>& thread_text() {
  thread_local std::vector<char> text;
  return text;
}

// The length of the UTF-8 sequence at `text`, or 0 if there is none. Zeros follow the text.
int utf8_length(const char* text) {
  const auto* p = reinterpret_cast<const unsigned char*>(text);
  const auto follows = [p](int i) { return (p[i] & 0xc0) == 0x80; };
  if (p[0] < 0x80) return 1;
  if (p[0] >= 0xc2 && p[0] <= 0xdf) return follows(1) ? 2 : 0;
  if (p[0] >= 0xe0 && p[0] <= 0xef) {
    if (!follows(1) || !follows(2)) return 0;
    const bool too_long = p[0] == 0xe0 && p[1] < 0xa0, surrogate = p[0] == 0xed && p[1] > 0x9f;
    return too_long || surrogate ? 0 : 3;
  }
  if (p[0] >= 0xf0 && p[0] <= 0xf4) {
    if (!follows(1) || !follows(2) || !follows(3)) return 0;
    return (p[0] == 0xf0 && p[1] < 0x90) || (p[0] == 0xf4 && p[1] > 0x8f) ? 0 : 4;
  }
  return 0;
}

void append_utf8(std::uint32_t code, std::string& text) {
  if (code < 0x80) {
    text += static_cast<char>(code);
  } else if (code < 0x800) {
    text += static_cast<char>(0xc0 | code >> 6);
    text += static_cast<char>(0x80 | (code & 0x3f));
  } else if (code < 0x10000) {
    text += static_cast<char>(0xe0 | code >> 12);
    text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    text += static_cast<char>(0xf0 | code >> 18);
    text += static_cast<char>(0x80 | (code >> 12 & 0x3f));
    text += static_cast<char>(0x80 | (code >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (code & 0x3f));
  }
}

}  // namespace

JsonText::JsonText(const char* data, std::size_t size) : text_(thread_text()), size_(size) {
  if (text_.size() > kKept && size < kKept) std::vector<char>().swap(text_);
  if (text_.size() < size + kPadding) text_.resize(size + kPadding);
  if (size > 0) std::memcpy(text_.data(), data, size);
  std::memset(text_.data() + size, 0, kPadding);
}

std::string JsonCursor::here() const {
  std::string text;
  for (const Step& step : path_) {
    if (step.name.empty()) {
      text += '[' + std::to_string(step.index) + ']';
    } else {
      if (!text.empty()) text += '.';
      text += step.name;
    }
  }
  return text.empty() ? "request" : text;
}

std::string JsonCursor::what_is_here() const {
  if (p_ >= end_) return "the end of the request";
  switch (*p_) {
    case '{':
      return "an object";
    case '[':
      return "an array";
    case '"':
      return "a string";
    case 't':
    case 'f':
      return "a boolean";
    case 'n':
      return "null";
    default:
      break;
  }
  if (*p_ == '-' || (*p_ >= '0' && *p_ <= '9')) {
    const char* p = p_;
    while (p < end_ && p - p_ < 30 && std::strchr("+-.eE0123456789", *p) != nullptr) ++p;
    return std::string(p_, p);
  }
  return *p_ > ' ' && *p_ < 127 ? std::string("'") + *p_ + "'"
                                : "byte " + std::to_string(static_cast<unsigned char>(*p_));
}

void JsonCursor::fail(const std::string& expected) const { fail(expected, what_is_here()); }

namespace {

// Shortens a text of the client for an error message.
std::string shortened(const std::string& text) {
  constexpr std::size_t kMost = 100;
  if (text.size() <= kMost) return text;
  std::size_t end = kMost;
  // The text must not end within a UTF-8 sequence.
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end) + "...";
}

}  // namespace

void JsonCursor::fail(const std::string& expected, const std::string& got) const {
  throw Error("ERR_REQUEST",
              shortened(here()) + ": expected " + expected + ", got " + shortened(got));
}

void JsonCursor::fail_syntax(const char* expected) const {
  throw Error("ERR_REQUEST", shortened(here()) + ": not JSON: expected " + expected + ", got " +
                                 what_is_here() + " at byte " + std::to_string(offset()));
}

void JsonCursor::expect_end() {
  peek();
  if (p_ != end_) fail_syntax("nothing more");
}

std::uint32_t JsonCursor::escape_code() {
  std::uint32_t code = 0;
  for (int i = 0; i < 4; ++i, ++p_) {
    const char c = *p_;
    if (c >= '0' && c <= '9') {
      code = code * 16 + static_cast<std::uint32_t>(c - '0');
    } else if ((c | 0x20) >= 'a' && (c | 0x20) <= 'f') {
      code = code * 16 + static_cast<std::uint32_t>((c | 0x20) - 'a' + 10);
    } else {
      fail_syntax("four hexadecimal digits");
    }
  }
  return code;
}

std::string JsonCursor::string() {
  if (!take('"')) fail("a string");
  std::string text;
  for (;;) {
    const char* const run = p_;
    while (*p_ != '"' && *p_ != '\\') {
      if (static_cast<unsigned char>(*p_) < 0x20) fail_syntax("the end of a string");
      const int length = utf8_length(p_);
      if (length == 0) fail_syntax("UTF-8");
      p_ += length;
    }
    text.append(run, p_);
    if (*p_++ == '"') return text;
    const char escape = *p_++;
    static constexpr char kEscapes[] = "\"\\/bfnrt", kMeanings[] = "\"\\/\b\f\n\r\t";
    if (escape == 'u') {
      std::uint32_t code = escape_code();
      const bool is_high = code >= 0xd800 && code <= 0xdbff;
      if (is_high && p_[0] == '\\' && p_[1] == 'u') {
        p_ += 2;
        const std::uint32_t low = escape_code();
        if (low < 0xdc00 || low > 0xdfff) fail_syntax("the second half of a surrogate pair");
        code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
      } else if (code >= 0xd800 && code <= 0xdfff) {
        fail_syntax("a surrogate pair");
      }
      append_utf8(code, text);
    } else {
      const char* known = escape == '\0' ? nullptr : std::strchr(kEscapes, escape);
      if (known == nullptr) {
        --p_;
        fail_syntax("an escape");
      }
      text += kMeanings[known - kEscapes];
    }
  }
}

bool JsonCursor::boolean() {
  peek();
  if (std::strncmp(p_, "true", 4) == 0) {
    p_ += 4;
    return true;
  }
  if (*p_ != 't' && *p_ != 'f') fail("true or false");
  if (std::strncmp(p_, "false", 5) != 0) fail_syntax("true or false");
  p_ += 5;
  return false;
}

std::int64_t JsonCursor::count() {
  peek();
  const char* p = p_;
  std::int64_t value = 0;
  while (*p >= '0' && *p <= '9' && value < (std::int64_t{1} << 53))
    value = value * 10 + (*p++ - '0');
  const bool leading_zero = *p_ == '0' && p - p_ > 1;
  const bool goes_on = *p != '\0' && std::strchr("+-.eE0123456789", *p) != nullptr;
  if (p == p_ || leading_zero || goes_on || value >= std::int64_t{1} << 53) fail("a whole number");
  p_ = p;
  return value;
}

void JsonCursor::skip(int depth) {
  if (depth > kDeepest) fail("at most " + std::to_string(kDeepest) + " levels");
  switch (peek()) {
    case '"':
      string();
      return;
    case 't':
    case 'f':
      boolean();
      return;
    case '{':
      members("an object", [&](const std::string&) { skip(depth + 1); });
      return;
    case '[':
      elements("an array", [&] { skip(depth + 1); });
      return;
    case 'n':
      if (std::strncmp(p_, "null", 4) != 0) fail_syntax("a value");
      p_ += 4;
      return;
    default:
      break;
  }
  const Decimal number = read_decimal(p_, end_);
  if (number.error == DecimalError::syntax) fail_syntax("a value");
  p_ = number.end;
}

}  // namespace neurode::serve
