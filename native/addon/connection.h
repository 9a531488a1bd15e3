// One connection, and the state of its next request.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

#include "native/addon/rooms.h"
#include "native/addon/uv_poll.h"
#include "native/serve/request_head.h"

namespace neurode::addon {

using Clock = std::chrono::steady_clock;

enum class State {
  fresh,      // no byte has arrived yet
  idle,       // the connection is between two requests
  heading,    // a part of a head has arrived; its bytes are still in the socket
  receiving,  // a head was read, and its body is arriving
  answering,  // JavaScript answers the request
  late,       // a time limit has passed; JavaScript ends the connection
};

// A part of a request's head, as an offset and a size.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;

  // `view` must be a part of the text that begins at `text`.
  static Span of(std::string_view view, const char* text) {
    if (view.empty()) return {};
    return {.begin = static_cast<std::uint32_t>(view.data() - text),
            .size = static_cast<std::uint32_t>(view.size())};
  }

  std::string_view in(const char* text) const { return {text + begin, size}; }
};

// The parts of a head that JavaScript receives.
struct Head {
  std::size_t size = 0;
  serve::Protocol protocol = serve::Protocol::v2;
  Span model;
  Span version;
  Span authorization;
  std::int64_t tensor_header_length = -1;
};

// Time limits of a connection, in milliseconds.
struct Limits {
  double head;     // for a whole head, from its first byte or from the connection's start
  double request;  // for a whole request
  double idle;     // until the next request begins
};

class Connections;

struct Connection {
  Connections* owner;
  std::uint32_t id = 0;
  int fd;
  UvPoll* poll = nullptr;
  bool is_watched = true;
  State state = State::fresh;
  Clock::time_point since = Clock::now();
  std::size_t peeked = 0;  // bytes of an incomplete head
  Head head = {};
  Room room = {};
  std::size_t received = 0;
  std::size_t expected = 0;  // bytes of head and body

  void enter(State next) {
    state = next;
    since = Clock::now();
  }

  bool is_asked() const { return state == State::receiving || state == State::answering; }

  bool is_over(const Limits& limits, Clock::time_point now) const;

  // Copies the first bytes that wait in the socket, and leaves them there. Returns what recv
  // returns.
  std::int64_t peek(char* into, std::size_t size) const;

  // After this call, the event loop reports the connection when more than `bytes` bytes wait in it.
  void await_more_than(std::size_t bytes);
  // After this call, the event loop reports every byte again.
  void await_any();
  // Whether the peer has stopped sending after a part of a head. Always false if the system has no
  // POLLRDHUP. Peeks again, into `into`, because more bytes may have come together with the end.
  bool is_cut(char* into, std::size_t size) const;
  // Reads the part of a head out of the socket: closing a socket with unread bytes resets the
  // peer's connection.
  void drop_beginning() const;
};

}  // namespace neurode::addon
