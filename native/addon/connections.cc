#include "native/addon/connections.h"

#if !defined(_WIN32)

#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "native/addon/connection.h"
#include "native/addon/connection_listeners.h"
#include "native/addon/convert.h"
#include "native/addon/response.h"
#include "native/addon/worker.h"
#include "native/serve/request_head.h"

namespace neurode::addon {
namespace {

constexpr std::size_t kLongestHead = 4096;
constexpr std::int64_t kMost = (std::int64_t{1} << 53) - 1;

bool is_for_later() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

}  // namespace

// Watches descriptors on JavaScript's event loop and reads requests for inference. Every other
// connection is handed back, and no byte of its next request has been read.
class Connections : public Wrapped<Connections> {
 public:
  // ({ bodyLimit, totalLimit }, arriving, listeners), where `arriving[0]` counts the bytes of all
  // requests that are arriving, also those of other readers. The listeners:
  //   admitsHost(host): asked if the host differs from that of the request before
  //   admitsBody(id, model, version?, authorization?): asked before the rest of a body is awaited
  //   onRequest(id, isV1, model, version?, tensorHeaderLength or -1, authorization?, buffer, begin,
  //     end)
  //   onForeign(id, false), onCutHead(id, false), onEnd(id, within a request): the connection is no
  //     longer watched.
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

  // (fd): watches a connection and returns its number, or -1 if the event loop cannot watch it.
  // Until `remove`, the caller must neither read from the descriptor nor close it, and may write
  // only what `respond` has not sent.
  Napi::Value add(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const auto fd = static_cast<int>(to_integer(info[0], "fd", 0, 1 << 30));
      return Napi::Number::New(info.Env(), watch(fd));
    });
  }

  // (id, head, json, tensor | undefined): sends the answer of a request and returns how many bytes
  // the socket took. If it took all, the connection is watched again; otherwise only after
  // `resume`.
  Napi::Value respond(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      Connection& connection = find(info[0]);
      const bool is_gathered = response_.gather(info[1], info[2], info[3]);
      const std::size_t sent = is_gathered ? response_.send_to(connection.fd) : 0;
      if (is_gathered && sent == response_.size())
        await_request(connection);
      else
        ignore(connection);
      response_.release();
      return Napi::Number::New(info.Env(), static_cast<double>(sent));
    });
  }

  // (id): the caller has sent the rest of the answer; watches the connection again.
  void resume(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] { await_request(find(info[0])); });
  }

  // (id): stops watching the connection and forgets it. The caller closes the descriptor.
  void remove(const Napi::CallbackInfo& info) {
    guard(info.Env(), [&] {
      Connection& connection = find(info[0]);
      connection.drop_beginning();
      close(connection);
    });
  }

  // (head, request, idle): returns the connections that have waited at least this many milliseconds
  // for a whole head, for a whole request, or for the next request. Each is returned once, and
  // nothing more is read from it.
  Napi::Value overdue(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      const Limits limits{.head = to_number(info[0], "head"),
                          .request = to_number(info[1], "request"),
                          .idle = to_number(info[2], "idle")};
      const Clock::time_point now = Clock::now();
      Napi::Array ids = Napi::Array::New(info.Env());
      for (const std::unique_ptr<Connection>& connection : connections_) {
        if (!connection) continue;
        if (!connection->is_over(limits, now)) continue;
        ids.Set(ids.Length(), connection->id);
        connection->state = State::late;
        ignore(*connection);
      }
      return ids;
    });
  }

  // Returns the connections without a request: at most a part of a head has arrived.
  Napi::Value quiet(const Napi::CallbackInfo& info) {
    return guard(info.Env(), [&]() -> Napi::Value {
      Napi::Array ids = Napi::Array::New(info.Env());
      for (const std::unique_ptr<Connection>& connection : connections_) {
        if (!connection || connection->is_asked()) continue;
        const std::int64_t got = connection->peek(peeked_, sizeof(peeked_));
        if (got <= static_cast<std::int64_t>(connection->peeked))
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

  // Stops watching the connection. `closed` frees it when the event loop has released it.
  void close(Connection& connection) {
    drop_room(connection);
    connection.await_any();
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

  // The environment ends only after the event loop has released all connections.
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
      // There is no memory for the request.
      if (self.connections_[connection.id].get() == &connection)
        self.lose(connection, self.listeners_.on_end);
    }
  }

  void read(Connection& connection) {
    if (connection.state == State::answering) {
      // The next request, or the end, is read after the answer.
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

  // Reads the head of the next request and leaves its bytes in the socket. Returns false if there
  // is no whole head yet, or none that this class handles.
  bool begin(Connection& connection) {
    const std::int64_t got = connection.peek(peeked_, sizeof(peeked_));
    if (got < 0 && is_for_later()) return false;
    if (got <= 0) {
      lose(connection, listeners_.on_end);
      return false;
    }
    const std::string_view text(peeked_, static_cast<std::size_t>(got));
    serve::RequestHead head;
    if (!serve::read_request_head(text, head)) {
      if (await_head(connection, text)) return false;
      const bool is_cut = connection.is_cut(peeked_, sizeof(peeked_));
      lose(connection, is_cut ? listeners_.on_cut_head : listeners_.on_foreign);
      return false;
    }
    if (head.content_length > body_limit_ || arriving() > total_limit_ ||
        !is_admitted(connection, head, text.size())) {
      lose(connection, listeners_.on_foreign);
      return false;
    }
    receive(connection, head);
    return true;
  }

  // A head may arrive in many small pieces. Until it is complete, each piece is parsed here and
  // takes no time of JavaScript. Returns false if the text is not the beginning of a head or cannot
  // grow: it fills the buffer, or it has not grown, so the peer has stopped sending.
  bool await_head(Connection& connection, std::string_view text) {
    if (text.size() == sizeof(peeked_) || text.size() <= connection.peeked) return false;
    if (!serve::is_head_beginning(text)) return false;
    if (connection.state != State::heading) connection.enter(State::heading);
    connection.await_more_than(text.size());
    return true;
  }

  void receive(Connection& connection, const serve::RequestHead& head) {
    connection.head = {
        .size = head.size,
        .protocol = head.protocol,
        .model = Span::of(head.model, peeked_),
        .version = Span::of(head.version, peeked_),
        .authorization = Span::of(head.authorization, peeked_),
        .tensor_header_length = head.tensor_header_length,
    };
    connection.expected = head.whole_size();
    connection.received = 0;
    connection.room = rooms_.take(std::min(connection.expected, Rooms::kSmallest));
    connection.await_any();
    // The time of a request begins with its first byte.
    const bool has_begun = connection.state == State::heading;
    const Clock::time_point since = has_begun ? connection.since : Clock::now();
    connection.state = State::receiving;
    connection.since = since;
  }

  // Whether a request may be read, judged by its head. JavaScript is not asked if the host is that
  // of the request before and the whole request has arrived.
  bool is_admitted(const Connection& connection, const serve::RequestHead& head,
                   std::size_t peeked) {
    if (head.host != admitted_host_) {
      if (!listeners_.ask(listeners_.admits_host, {to_text(head.host)})) return false;
      admitted_host_ = head.host;
    }
    if (head.whole_size() <= peeked) return true;
    return listeners_.ask(listeners_.admits_body,
                          {Napi::Number::New(env_, connection.id), to_text(head.model),
                           to_text(head.version), to_text(head.authorization)});
  }

  // An empty text becomes undefined.
  napi_value to_text(std::string_view text) {
    napi_value value;
    if (text.empty()) return Napi::Env(env_).Undefined();
    napi_create_string_latin1(env_, text.data(), text.size(), &value);
    return value;
  }

  void deliver(Connection& connection) {
    const Napi::Env env(env_);
    const Head& head = connection.head;
    const Room room = std::exchange(connection.room, Room{});
    connection.enter(State::answering);
    count_out(connection);
    const auto text = [&](Span span) { return to_text(span.in(room.data)); };
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
  Response response_;
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
