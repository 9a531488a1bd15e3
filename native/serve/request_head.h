// Parses heads of HTTP requests in the form that clients of inference usually send.
#pragma once

#include <cstdint>
#include <string_view>

namespace neurode::serve {

enum class Protocol { v1, v2 };

// The parts of a head, as views into the text that was read.
struct RequestHead {
  std::size_t size = 0;  // bytes, including the blank line
  Protocol protocol = Protocol::v2;
  std::string_view model;
  std::string_view version;        // empty: none
  std::string_view authorization;  // empty: none
  std::string_view host;
  std::int64_t content_length = 0;
  std::int64_t tensor_header_length = -1;  // Inference-Header-Content-Length; -1: none

  // Bytes of the head and the body.
  std::size_t whole_size() const { return size + static_cast<std::size_t>(content_length); }
};

// Reads the head at the beginning of `text`. Returns false for every request that needs a complete
// HTTP server: other paths and methods; heads that are incomplete, malformed or very long; fields
// that change how a message is read (Transfer-Encoding, Expect, Connection: close …); and repeated
// fields of those that this function reads.
bool read_request_head(std::string_view text, RequestHead& head);

// Whether `text` is the incomplete beginning of a head of any HTTP/1.1 request. False for texts
// that a complete HTTP server should read at once: complete heads, and texts that are no usual
// head.
bool is_head_beginning(std::string_view text);

}  // namespace neurode::serve
