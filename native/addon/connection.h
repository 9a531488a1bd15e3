// One connection, and what is known of its next request.
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
  fresh,      // nothing came yet
  idle,       // between two requests
  heading,    // a part of a head is there, and is still in the socket
  receiving,  // a head was taken, and its body is on its way
  answering,  // the request is with JavaScript
  late,       // its time is over, and JavaScript ends it
};

// A part of the head of a request, by its place in the request.
struct Span {
  std::uint32_t begin = 0;
  std::uint32_t size = 0;

  // `view` lies in the text that begins at `text`.
  static Span of(std::string_view view, const char* text) {
    if (view.empty()) return {};
    return {.begin = static_cast<std::uint32_t>(view.data() - text),
            .size = static_cast<std::uint32_t>(view.size())};
  }

  std::string_view in(const char* text) const { return {text + begin, size}; }
};

// What JavaScript is told of a head.
struct Head {
  std::size_t size = 0;
  serve::Protocol protocol = serve::Protocol::v2;
  Span model;
  Span version;
  Span authorization;
  std::int64_t tensor_header_length = -1;
};

// Milliseconds that a connection may take.
struct Limits {
  double head;     // for all of a head, from its first byte or from the beginning
  double request;  // for all of a request
  double idle;     // until the next one begins
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
  std::size_t peeked = 0;  // bytes of a head that is not whole
  Head head = {};
  Room room = {};
  std::size_t received = 0;
  std::size_t expected = 0;  // head and body

  void enter(State next) {
    state = next;
    since = Clock::now();
  }

  bool is_asked() const { return state == State::receiving || state == State::answering; }

  bool is_over(const Limits& limits, Clock::time_point now) const;

  // The first bytes that wait in the socket, which stay there; as `recv` says.
  std::int64_t peek(char* into, std::size_t size) const;

  // The loop tells of the connection once there is more than the `peeked` bytes of a head.
  void await_more_than(std::size_t bytes);
  // It tells of any byte again.
  void await_any();
  // Whether nothing comes after the part of a head; false also where the system does not say. What
  // waits is looked at again, in `into`: more may have come with the end.
  bool is_cut(char* into, std::size_t size) const;
  // Takes the part of a head out of the socket: what ends with bytes unread resets its peer.
  void drop_beginning();
};

}  // namespace neurode::addon
