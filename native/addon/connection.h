// One connection, and what is known of its next request.
#pragma once

#include <chrono>
#include <cstdint>

#include "native/addon/rooms.h"
#include "native/addon/uv_poll.h"
#include "native/serve/request_head.h"

namespace neurode::addon {

using Clock = std::chrono::steady_clock;

enum class State {
  fresh,      // nothing came yet
  idle,       // between two requests
  receiving,  // a part of a request is there
  answering,  // it is with JavaScript
};

class Connections;

struct Connection {
  Connections* owner;
  std::uint32_t id;
  int fd;
  UvPoll* poll = nullptr;
  bool is_watched = true;
  State state = State::fresh;
  Clock::time_point since = Clock::now();
  serve::RequestHead head;  // of `peeked_`, which holds another's by now
  Room room;
  std::size_t received = 0;
  std::size_t expected = 0;  // head and body

  void enter(State next) {
    state = next;
    since = Clock::now();
  }
};

}  // namespace neurode::addon
