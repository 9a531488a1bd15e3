#include "native/addon/connections.h"

#if !defined(_WIN32)

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "native/addon/connection.h"
#include "native/addon/connection_listeners.h"
#include "native/addon/convert.h"
#include "native/addon/worker.h"
#include "native/serve/request_head.h"

namespace neurode::addon {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

constexpr std::size_t kLongestHead = 4096;
constexpr std::size_t kLargestKept = std::size_t{1} << 22;  // of the answers' memory
constexpr std::int64_t kMost = (std::int64_t{1} << 53) - 1;

bool is_for_later() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

// Watches descriptors on the event loop of JavaScript, reads requests for inference, and hands
// every other connection back with nothing of its next request taken.
class Connections : public Wrapped<Connections> {
 public:
  // ({ bodyLimit, totalLimit }, arriving, { admitsHost, admitsBody, onRequest, onForeign, onEnd });
  // `arriving[0]` counts the bytes of requests on their way in, others' included.
  //   admitsHost(host): asked where it is another than that of the request before
  //   admitsBody(id, model, version?, authorization?): asked before a body is waited for
  //   onRequest(id, isV1, model, version?, tensorHeaderLength or -1, authorization?, buffer, begin,
  //             end)
  //   onForeign(id, false), onEnd(id, within a request): the connection is not watched any more.
  explicit Connections(const Napi::CallbackInfo& info)
      : Wrapped<Connections>(info), env_(info.Env()), listeners_(info.Env()), rooms_(info.Env()) {
    guard(info.Env(), [&] {
      const Napi::Object limits = to_object(info[0], "limits");
      body_limit_ = member(limits, "bodyLimit", to_integer, 1, kMost);
      total_limit_ = static_cast<double>(member(limits, "totalLimit", to_integer, 1, kMost));
      arriving_ = Napi::Persistent(info[1].As<Napi::Float64Array>());
      listeners_.set(to_object(info[2], "listeners"));
      if (napi_get_uv_event_loop(info.Env(), &loop_) != napi_ok)
        throw Error("ERR_INTERNAL", "there is no event loop");
      napi_add_async_cleanup_hook(info.Env(), close_all, this, &cleanup_);
    });
  }

  ~Connections() override {
    if (cleanup_ != nullptr) napi_remove_async_cleanup_hook(cleanup_);
  }

  // (fd): the number of the connection, or -1 where the loop cannot watch it. The descriptor stays
  // with the caller. A loop watches a descriptor for one alone: until `remove`, the caller neither
  // reads from it nor closes it, and writes only what `respond` has left.
  Napi::Value add(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const auto fd = static_cast<int>(to_integer(info[0], "fd", 0, 1 << 30));
      return Napi::Number::New(info.Env(), watch(fd));
    });
  }

  // (id, head, json, tensor | undefined): the answer to the request of that connection, which is
  // watched again. Gives how many of its bytes the connection took; with fewer than all, nobody
  // watches it until `resume`.
  Napi::Value respond(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      Connection& connection = find(info[0]);
      ssize_t sent = -1;
      if (gather_response(info))
        sent = send(connection.fd, response_.data(), response_.size(), kSendFlags);
      if (sent == static_cast<ssize_t>(response_.size()))
        await_request(connection);
      else
        ignore(connection);
      if (response_.capacity() > kLargestKept) std::vector<char>().swap(response_);
      return Napi::Number::New(info.Env(), static_cast<double>(std::max<ssize_t>(sent, 0)));
    });
  }

  // (id): all of its answer is sent, and it is watched again.
  void resume(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] { await_request(find(info[0])); });
  }

  // (id): it is not watched any more.
  void remove(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] { close(find(info[0])); });
  }

  // (fresh, receiving, idle): those that have been so for as many milliseconds or longer.
  Napi::Value overdue(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const double limits[] = {to_number(info[0], "fresh"), to_number(info[2], "idle"),
                               to_number(info[1], "receiving")};
      const Clock::time_point now = Clock::now();
      Napi::Array ids = Napi::Array::New(info.Env());
      for (const std::unique_ptr<Connection>& connection : connections_) {
        if (!connection || connection->state == State::answering) continue;
        const std::chrono::duration<double, std::milli> waited = now - connection->since;
        if (waited.count() >= limits[static_cast<int>(connection->state)])
          ids.Set(ids.Length(), connection->id);
      }
      return ids;
    });
  }

  // Those on which nothing is asked: neither here nor on its way.
  Napi::Value quiet(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      Napi::Array ids = Napi::Array::New(info.Env());
      for (const std::unique_ptr<Connection>& connection : connections_) {
        if (!connection || connection->state > State::idle) continue;
        char byte;
        if (recv(connection->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0)
          ids.Set(ids.Length(), connection->id);
      }
      return ids;
    });
  }

 private:
  double watch(int fd) {
    const auto free = std::find(connections_.begin(), connections_.end(), nullptr);
    const auto place = static_cast<std::size_t>(free - connections_.begin());
    if (free == connections_.end()) connections_.emplace_back();
    auto connection = std::make_unique<Connection>(Connection{.owner = this, .fd = fd});
    connection->poll = UvPoll::create(loop_, fd, readable, connection.get());
    if (connection->poll == nullptr) return -1;
    connection->id = static_cast<std::uint32_t>(place);
    connection->poll->start();
    if (open_++ == 0) Ref();
    connections_[place] = std::move(connection);
    return static_cast<double>(place);
  }

  Connection& find(Napi::Value id) {
    const std::int64_t place = to_integer(id, "id", 0, kMost);
    if (place >= static_cast<std::int64_t>(connections_.size()) || !connections_[place])
      throw Error("ERR_ARGUMENT", "id: there is no such connection");
    return *connections_[place];
  }

  void await_request(Connection& connection) {
    connection.enter(State::idle);
    if (!connection.is_watched) connection.poll->start();
    connection.is_watched = true;
  }

  void ignore(Connection& connection) {
    connection.poll->stop();
    connection.is_watched = false;
  }

  // The loop does not watch it any more, and lets go of its memory later.
  void close(Connection& connection) {
    drop_room(connection);
    connection.poll->close(closed);
    static_cast<void>(connections_[connection.id].release());  // `closed` deletes it
  }

  static void closed(void* data) {
    const std::unique_ptr<Connection> connection(static_cast<Connection*>(data));
    Connections* const self = connection->owner;
    if (--self->open_ > 0) return;
    if (self->is_ending_)
      self->finish_cleanup();
    else
      self->Unref();
  }

  // The environment ends: the loop has to be let go of first.
  static void close_all(napi_async_cleanup_hook_handle, void* data) {
    auto* const self = static_cast<Connections*>(data);
    self->is_ending_ = true;
    for (std::size_t i = 0; i < self->connections_.size(); ++i)
      if (self->connections_[i]) self->close(*self->connections_[i]);
    if (self->open_ == 0) self->finish_cleanup();
  }

  void finish_cleanup() {
    napi_remove_async_cleanup_hook(cleanup_);
    cleanup_ = nullptr;
  }

  static void readable(void* data) {
    auto& connection = *static_cast<Connection*>(data);
    Connections& self = *connection.owner;
    const Napi::HandleScope scope(self.env_);
    try {
      self.read(connection);
    } catch (const std::exception&) {
      // There is no memory for its request.
      if (self.connections_[connection.id].get() == &connection)
        self.lose(connection, self.listeners_.on_end);
    }
  }

  void read(Connection& connection) {
    if (connection.state == State::answering) {
      // What comes next, or the end, waits for the answer.
      ignore(connection);
      return;
    }
    if (connection.state != State::receiving && !begin(connection)) return;
    while (connection.received < connection.expected) {
      if (connection.received == connection.room.size) grow_room(connection);
      const std::size_t room = std::min(connection.expected, connection.room.size);
      const ssize_t got = recv(connection.fd, connection.room.data + connection.received,
                               room - connection.received, MSG_DONTWAIT);
      if (got < 0 && is_for_later()) return;
      if (got <= 0) return lose(connection, listeners_.on_end);
      connection.received += static_cast<std::size_t>(got);
      arriving() += static_cast<double>(got);
    }
    deliver(connection);
  }

  // Looks at the head of the next request, which stays where it is. False: there is none for this.
  bool begin(Connection& connection) {
    const ssize_t got = recv(connection.fd, peeked_, sizeof(peeked_), MSG_PEEK | MSG_DONTWAIT);
    if (got < 0 && is_for_later()) return false;
    if (got <= 0) {
      lose(connection, listeners_.on_end);
      return false;
    }
    serve::RequestHead& head = connection.head;
    if (!serve::read_request_head({peeked_, static_cast<std::size_t>(got)}, head) ||
        head.content_length > body_limit_ || arriving() > total_limit_ ||
        !is_admitted(connection, static_cast<std::size_t>(got))) {
      lose(connection, listeners_.on_foreign);
      return false;
    }
    connection.expected = head.whole_size();
    connection.received = 0;
    connection.room = rooms_.take(std::min(connection.expected, Rooms::kSmallest));
    connection.enter(State::receiving);
    return true;
  }

  // What the head alone decides. JavaScript is not asked where the host is the one before, and all
  // of the request is there.
  bool is_admitted(const Connection& connection, std::size_t peeked) {
    const serve::RequestHead& head = connection.head;
    if (head.host != admitted_host_) {
      if (!listeners_.ask(listeners_.admits_host, {to_text(head.host, peeked_)})) return false;
      admitted_host_ = head.host;
    }
    if (head.whole_size() <= peeked) return true;
    return listeners_.ask(listeners_.admits_body,
                          {Napi::Number::New(env_, connection.id), to_text(head.model, peeked_),
                           to_text(head.version, peeked_), to_text(head.authorization, peeked_)});
  }

  // A view into what was peeked at, whose bytes lie at `bytes`, too.
  napi_value to_text(std::string_view view, const char* bytes) {
    napi_value value;
    if (view.empty()) return Napi::Env(env_).Undefined();
    napi_create_string_latin1(env_, bytes + (view.data() - peeked_), view.size(), &value);
    return value;
  }

  void deliver(Connection& connection) {
    const Napi::Env env(env_);
    const serve::RequestHead& head = connection.head;
    const Room room = std::exchange(connection.room, Room{});
    connection.enter(State::answering);
    count_out(connection);
    const auto text = [&](std::string_view view) { return to_text(view, room.data); };
    napi_value buffer;
    napi_get_reference_value(env, room.buffer, &buffer);
    const auto number = [&](std::size_t value) {
      return Napi::Number::New(env, static_cast<double>(value));
    };
    listeners_.tell(
        listeners_.on_request,
        {number(connection.id), Napi::Boolean::New(env, head.protocol == serve::Protocol::v1),
         text(head.model), text(head.version),
         Napi::Number::New(env, static_cast<double>(head.tensor_header_length)),
         text(head.authorization), buffer, number(head.size), number(connection.expected)});
    rooms_.give_back(room);
  }

  void lose(Connection& connection, Napi::FunctionReference& tell) {
    const std::uint32_t id = connection.id;
    const bool is_cut = connection.state == State::receiving;
    close(connection);
    listeners_.tell(tell, {Napi::Number::New(env_, id), Napi::Boolean::New(env_, is_cut)});
  }

  // The arguments of `respond` in one piece; false where there is no memory for that.
  bool gather_response(const Napi::CallbackInfo& info) {
    try {
      response_.clear();
      append_text(info.Env(), info[1]);
      append_text(info.Env(), info[2]);
      if (info[3].IsUndefined()) return true;
      const Napi::Float32Array tensor = to_floats(info[3], "tensor");
      const char* const bytes = reinterpret_cast<const char*>(tensor.Data());
      response_.insert(response_.end(), bytes, bytes + tensor.ByteLength());
      return true;
    } catch (const std::bad_alloc&) {
      return false;
    }
  }

  void append_text(Napi::Env env, Napi::Value text) {
    std::size_t size = 0;
    napi_get_value_string_utf8(env, text, nullptr, 0, &size);
    const std::size_t begin = response_.size();
    response_.resize(begin + size + 1);
    napi_get_value_string_utf8(env, text, response_.data() + begin, size + 1, &size);
    response_.resize(begin + size);
  }

  void grow_room(Connection& connection) {
    const Room small = connection.room;
    connection.room = rooms_.take(std::min(connection.expected, 2 * small.size));
    std::memcpy(connection.room.data, small.data, connection.received);
    rooms_.give_back(small);
  }

  void drop_room(Connection& connection) {
    if (connection.room.buffer == nullptr || is_ending_) return;
    count_out(connection);
    rooms_.give_back(std::exchange(connection.room, Room{}));
  }

  double& arriving() { return arriving_.Value().Data()[0]; }

  void count_out(Connection& connection) { arriving() -= static_cast<double>(connection.received); }

  napi_env env_;
  uv_loop_s* loop_ = nullptr;
  napi_async_cleanup_hook_handle cleanup_ = nullptr;
  std::int64_t body_limit_ = 0;
  double total_limit_ = 0;
  Napi::Reference<Napi::Float64Array> arriving_;
  ConnectionListeners listeners_;
  std::vector<std::unique_ptr<Connection>> connections_;
  Rooms rooms_;
  std::string admitted_host_;
  std::vector<char> response_;
  std::size_t open_ = 0;
  bool is_ending_ = false;
  char peeked_[kLongestHead];
};

Napi::Value define_connections(Napi::Env env) {
  if (!UvPoll::is_available()) return env.Undefined();
  return Connections::DefineClass(env, "Connections",
                                  {Connections::InstanceMethod<&Connections::add>("add"),
                                   Connections::InstanceMethod<&Connections::respond>("respond"),
                                   Connections::InstanceMethod<&Connections::resume>("resume"),
                                   Connections::InstanceMethod<&Connections::remove>("remove"),
                                   Connections::InstanceMethod<&Connections::overdue>("overdue"),
                                   Connections::InstanceMethod<&Connections::quiet>("quiet")});
}

}  // namespace neurode::addon

#else

namespace neurode::addon {

Napi::Value define_connections(Napi::Env env) { return env.Undefined(); }

}  // namespace neurode::addon

#endif
