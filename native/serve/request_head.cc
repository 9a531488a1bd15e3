#include "native/serve/request_head.h"

#include <algorithm>
#include <optional>

namespace neurode::serve {
namespace {

constexpr std::string_view kMethod = "POST ";
constexpr std::string_view kMethods[] = {"GET ",    "HEAD ",    kMethod, "PUT ",
                                         "DELETE ", "OPTIONS ", "PATCH "};
constexpr std::string_view kVersion = " HTTP/1.1\r\n";
constexpr std::size_t kMostDigits = 15;
constexpr std::size_t kLongestSegment = 100;

char to_lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

bool is_letter_or_digit(char c) {
  const char lower = to_lower(c);
  return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9');
}

bool is_segment_char(char c) { return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.'; }

bool is_name_char(char c) { return is_letter_or_digit(c) || c == '-' || c == '_'; }

bool is_value_char(char c) { return (c >= ' ' && c <= '~') || c == '\t'; }

// Compares without regard to case. `lower` must be in lower case.
bool equals(std::string_view text, std::string_view lower) {
  return text.size() == lower.size() && std::equal(text.begin(), text.end(), lower.begin(),
                                                   [](char a, char b) { return to_lower(a) == b; });
}

std::string_view trim(std::string_view text) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t'; };
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

std::optional<std::int64_t> to_count(std::string_view text) {
  if (text.empty() || text.size() > kMostDigits) return std::nullopt;
  std::int64_t count = 0;
  for (const char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    count = 10 * count + (c - '0');
  }
  return count;
}

constexpr std::string_view kTypes[] = {"application/json", "application/octet-stream",
                                       "application/x-www-form-urlencoded", "text/plain"};
constexpr std::string_view kForeign[] = {
    "transfer-encoding", "content-encoding", "expect", "upgrade", "te", "trailer"};

template <std::size_t kCount>
bool is_one_of(const std::string_view (&names)[kCount], std::string_view text) {
  return std::any_of(std::begin(names), std::end(names),
                     [&](std::string_view name) { return equals(text, name); });
}

enum Field : unsigned { kHost = 1, kType = 2, kLength = 4, kTensorLength = 8, kAuthorization = 16 };

class FieldReader {
 public:
  explicit FieldReader(RequestHead& head) : head_(head) {}

  bool read(std::string_view name, std::string_view value) {
    if (equals(name, "host")) {
      head_.host = value;
      return once(kHost) && !value.empty();
    }
    if (equals(name, "content-type"))
      return once(kType) && is_one_of(kTypes, trim(value.substr(0, value.find(';'))));
    if (equals(name, "content-length")) {
      const std::optional<std::int64_t> length = to_count(value);
      head_.content_length = length.value_or(0);
      return once(kLength) && length.has_value();
    }
    if (equals(name, "inference-header-content-length")) {
      const std::optional<std::int64_t> length = to_count(value);
      head_.tensor_header_length = length.value_or(-1);
      return once(kTensorLength) && length.has_value();
    }
    if (equals(name, "authorization")) {
      head_.authorization = value;
      return once(kAuthorization) && !value.empty();
    }
    if (equals(name, "connection") || equals(name, "proxy-connection"))
      return equals(value, "keep-alive");
    return !is_one_of(kForeign, name);
  }

  bool is_whole() const { return (~seen_ & (kHost | kLength)) == 0; }

 private:
  bool once(Field field) {
    const bool is_first = (seen_ & field) == 0;
    seen_ |= field;
    return is_first;
  }

  RequestHead& head_;
  unsigned seen_ = 0;
};

// Removes and returns the beginning of the text, up to the first character that is not `is_wanted`.
template <class IsWanted>
std::string_view take_while(std::string_view& text, IsWanted is_wanted) {
  const auto end = std::find_if_not(text.begin(), text.end(), is_wanted);
  const std::string_view taken = text.substr(0, static_cast<std::size_t>(end - text.begin()));
  text.remove_prefix(taken.size());
  return taken;
}

bool take(std::string_view& text, std::string_view expected) {
  if (!text.starts_with(expected)) return false;
  text.remove_prefix(expected.size());
  return true;
}

// Takes one segment of a path.
bool take_segment(std::string_view& text, std::string_view& segment) {
  segment = take_while(text, is_segment_char);
  return !segment.empty() && segment.size() <= kLongestSegment;
}

// /v2/models/{model}[/versions/{version}]/infer and /v1/models/{model}[/versions/{version}]:predict
bool take_target(std::string_view& text, RequestHead& head) {
  const bool is_v1 = take(text, "/v1/models/");
  if (!is_v1 && !take(text, "/v2/models/")) return false;
  head.protocol = is_v1 ? Protocol::v1 : Protocol::v2;
  if (!take_segment(text, head.model)) return false;
  if (take(text, "/versions/") && !take_segment(text, head.version)) return false;
  return take(text, is_v1 ? ":predict" : "/infer");
}

// How a text compares with its expected next part: it begins with the whole part, it ends within
// the part, or it differs.
enum class Match { whole, beginning, none };

Match match(std::string_view& text, std::string_view expected) {
  if (take(text, expected)) return Match::whole;
  return expected.starts_with(text) ? Match::beginning : Match::none;
}

Match match_method(std::string_view& text) {
  for (const std::string_view method : kMethods)
    if (const Match found = match(text, method); found != Match::none) return found;
  return Match::none;
}

}  // namespace

bool is_head_beginning(std::string_view text) {
  if (const Match method = match_method(text); method != Match::whole)
    return method == Match::beginning;
  const std::string_view target =
      take_while(text, [](char c) { return is_value_char(c) && c != ' ' && c != '\t'; });
  if (text.empty()) return target.empty() || target.front() == '/';
  if (target.empty() || target.front() != '/') return false;
  if (const Match version = match(text, kVersion); version != Match::whole)
    return version == Match::beginning;
  for (;;) {
    if (const Match end = match(text, "\r\n"); end != Match::none) return end == Match::beginning;
    const std::string_view name = take_while(text, is_name_char);
    if (text.empty()) return true;
    if (name.empty() || !take(text, ":")) return false;
    take_while(text, is_value_char);
    if (const Match end = match(text, "\r\n"); end != Match::whole) return end == Match::beginning;
  }
}

bool read_request_head(std::string_view text, RequestHead& head) {
  const std::size_t all = text.size();
  head = {};
  if (!take(text, kMethod) || !take_target(text, head) || !take(text, kVersion)) return false;
  FieldReader fields(head);
  while (!take(text, "\r\n")) {
    const std::string_view name = take_while(text, is_name_char);
    if (name.empty() || !take(text, ":")) return false;
    const std::string_view value = trim(take_while(text, is_value_char));
    if (!take(text, "\r\n") || !fields.read(name, value)) return false;
  }
  head.size = all - text.size();
  return fields.is_whole();
}

}  // namespace neurode::serve
