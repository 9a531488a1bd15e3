#include "native/addon/connection.h"

#if !defined(_WIN32)

#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <limits>

namespace neurode::addon {
namespace {

// The event loop reports the socket as readable only if it holds at least this many bytes.
void set_low_water(int fd, std::size_t bytes) {
  const int value = static_cast<int>(bytes);
  setsockopt(fd, SOL_SOCKET, SO_RCVLOWAT, &value, sizeof(value));
}

double limit_of(State state, const Limits& limits) {
  switch (state) {
    case State::fresh:
    case State::heading:
      return limits.head;
    case State::idle:
      return limits.idle;
    case State::receiving:
      return limits.request;
    default:
      return std::numeric_limits<double>::infinity();
  }
}

}  // namespace

bool Connection::is_over(const Limits& limits, Clock::time_point now) const {
  const std::chrono::duration<double, std::milli> waited = now - since;
  return waited.count() >= limit_of(state, limits);
}

std::int64_t Connection::peek(char* into, std::size_t size) const {
  return recv(fd, into, size, MSG_PEEK | MSG_DONTWAIT);
}

void Connection::await_more_than(std::size_t bytes) {
  peeked = bytes;
  set_low_water(fd, bytes + 1);
}

void Connection::await_any() {
  if (peeked == 0) return;
  peeked = 0;
  set_low_water(fd, 1);
}

bool Connection::is_cut(char* into, std::size_t size) const {
#if defined(POLLRDHUP)
  pollfd asked{.fd = fd, .events = POLLRDHUP, .revents = 0};
  return peeked > 0 && ::poll(&asked, 1, 0) == 1 &&
         peek(into, size) == static_cast<std::int64_t>(peeked);
#else
  return false;
#endif
}

void Connection::drop_beginning() const {
  char bytes[256];
  for (std::size_t left = peeked; left > 0;) {
    const ssize_t got = recv(fd, bytes, std::min(left, sizeof(bytes)), MSG_DONTWAIT);
    if (got <= 0) return;
    left -= static_cast<std::size_t>(got);
  }
}

}  // namespace neurode::addon

#endif
