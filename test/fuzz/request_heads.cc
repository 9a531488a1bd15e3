// Reads heads of requests. An accepted head must be well formed and complete, and must be the same
// whatever follows it.
#include <cstring>
#include <memory>
#include <string>

#include "native/serve/request_head.h"
#include "test/fuzz/fuzz.h"

namespace neurode::serve {
namespace {

void check(std::string_view text) {
  RequestHead head;
  const bool is_beginning = is_head_beginning(text);
  // The beginning of a head contains no end of a head, and each shorter text is a beginning too.
  if (is_beginning) {
    MUST(text.find("\r\n\r\n") == std::string_view::npos);
    MUST(text.empty() || is_head_beginning(text.substr(0, text.size() - 1)));
  }
  if (!read_request_head(text, head)) return;
  MUST(!is_beginning);
  MUST(head.size >= 4 && head.size <= text.size());
  const std::string_view whole = text.substr(0, head.size);
  MUST(whole.starts_with("POST /v") && whole.ends_with("\r\n\r\n"));
  MUST(whole.find("\r\n\r\n") == head.size - 4);
  MUST(head.content_length >= 0 && head.tensor_header_length >= -1);
  MUST(head.whole_size() >= head.size);
  MUST(!head.model.empty() && !head.host.empty());
  for (const std::string_view part : {head.model, head.version, head.host, head.authorization}) {
    if (part.empty()) continue;
    MUST(part.data() > whole.data() && part.data() + part.size() < whole.data() + whole.size());
    for (const char c : part) MUST((c >= ' ' && c <= '~') || c == '\t');
  }
  RequestHead other;
  MUST(!read_request_head(text.substr(0, head.size - 1), other));
  MUST(is_head_beginning(text.substr(0, head.size - 1)));
  const std::string more = std::string(whole) + "GET";
  MUST(read_request_head(more, other) && other.size == head.size && other.model == head.model &&
       other.content_length == head.content_length);
}

}  // namespace
}  // namespace neurode::serve

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // The memory has exactly `size` bytes, so that the sanitizer finds any read after its end.
  const auto text = std::make_unique<char[]>(size);
  std::memcpy(text.get(), data, size);
  neurode::serve::check({text.get(), size});
  return 0;
}
