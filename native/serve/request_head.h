// Heads of HTTP requests in the form in which clients usually ask for inference.
#pragma once

#include <cstdint>
#include <string_view>

namespace neurode::serve {

enum class Protocol { v1, v2 };

// Views into what was read.
struct RequestHead {
  std::size_t size = 0;  // bytes, the blank line included
  Protocol protocol = Protocol::v2;
  std::string_view model;
  std::string_view version;        // empty: none
  std::string_view authorization;  // empty: none
  std::string_view host;
  std::int64_t content_length = 0;
  std::int64_t tensor_header_length = -1;  // Inference-Header-Content-Length; -1: none

  // Bytes, the body included.
  std::size_t whole_size() const { return size + static_cast<std::size_t>(content_length); }
};

// Reads the head at the beginning of `text`. False for all that needs a whole HTTP server: other
// addresses and methods, heads that are not all there, not well formed or very long, fields that
// change how a message is read (Transfer-Encoding, Expect, Connection: close …), and those of
// interest that come twice.
bool read_request_head(std::string_view text, RequestHead& head);

// Whether `text` is the beginning of a head of HTTP/1.1, of whatever request, that is not all
// there. False for what a whole HTTP server should see at once: what is whole, and what is no usual
// head.
bool is_head_beginning(std::string_view text);

}  // namespace neurode::serve
