#include "native/addon/uv_poll.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

#include <string_view>

namespace neurode::addon {
namespace {

// Constants of libuv's stable interface, version 1.
constexpr int kPollType = 8;  // UV_POLL
constexpr int kReadable = 1;  // UV_READABLE

struct Uv {
  std::size_t (*handle_size)(int type);
  int (*poll_init)(uv_loop_s* loop, void* handle, int fd);
  int (*poll_start)(void* handle, int events, void (*callback)(void*, int, int));
  int (*poll_stop)(void* handle);
  void (*close)(void* handle, void (*callback)(void*));
  void* (*get_data)(const void* handle);
  void (*set_data)(void* handle, void* data);
};

#if defined(_WIN32)
const Uv* find_uv() { return nullptr; }
#else
template <class Function>
bool find(Function& function, const char* name) {
  function = reinterpret_cast<Function>(dlsym(RTLD_DEFAULT, name));
  return function != nullptr;
}

const Uv* find_uv() {
  static Uv uv;
  unsigned (*version)() = nullptr;
  const char* (*type_name)(int type) = nullptr;
  static const bool is_found =
      find(version, "uv_version") && version() >> 16 == 1 &&
      find(type_name, "uv_handle_type_name") && type_name(kPollType) == std::string_view("poll") &&
      find(uv.handle_size, "uv_handle_size") && find(uv.poll_init, "uv_poll_init") &&
      find(uv.poll_start, "uv_poll_start") && find(uv.poll_stop, "uv_poll_stop") &&
      find(uv.close, "uv_close") && find(uv.get_data, "uv_handle_get_data") &&
      find(uv.set_data, "uv_handle_set_data");
  return is_found ? &uv : nullptr;
}
#endif

}  // namespace

bool UvPoll::is_available() { return find_uv() != nullptr; }

UvPoll* UvPoll::create(uv_loop_s* loop, int fd, Callback on_readable, void* data) {
  const Uv* const uv = find_uv();
  std::unique_ptr<UvPoll> poll(new UvPoll(on_readable, data));
  poll->handle_ = std::make_unique<char[]>(uv->handle_size(kPollType));
  if (uv->poll_init(loop, poll->handle_.get(), fd) != 0) return nullptr;
  uv->set_data(poll->handle_.get(), poll.get());
  return poll.release();
}

void UvPoll::start() { find_uv()->poll_start(handle_.get(), kReadable, readable); }

void UvPoll::stop() { find_uv()->poll_stop(handle_.get()); }

void UvPoll::close(Callback on_closed) {
  on_closed_ = on_closed;
  find_uv()->close(handle_.get(), closed);
}

void UvPoll::readable(void* handle, int, int) {
  const auto* const poll = static_cast<UvPoll*>(find_uv()->get_data(handle));
  poll->on_readable_(poll->data_);
}

void UvPoll::closed(void* handle) {
  const std::unique_ptr<UvPoll> poll(static_cast<UvPoll*>(find_uv()->get_data(handle)));
  poll->on_closed_(poll->data_);
}

}  // namespace neurode::addon
