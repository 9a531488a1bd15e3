// Watches file descriptors on Node's event loop by documented functions of libuv. The functions are
// found by name at run time, and are used only if libuv's version and the handle's type are as
// expected. So the addon needs no headers of libuv, and it loads in programs without libuv.
#pragma once

#include <node_api.h>

#include <memory>

namespace neurode::addon {

// Watches one descriptor and reports when it is readable.
class UvPoll {
 public:
  using Callback = void (*)(void* data);

  // Whether libuv's functions were found. If not, no other function of this class may be called.
  static bool is_available();

  // Returns null if the event loop cannot watch the descriptor.
  static UvPoll* create(uv_loop_s* loop, int fd, Callback on_readable, void* data);

  void start();
  void stop();
  // No other function may be called after close(). `on_closed` runs when the event loop has
  // released this object.
  void close(Callback on_closed);

 private:
  UvPoll(Callback on_readable, void* data) : on_readable_(on_readable), data_(data) {}
  static void readable(void* handle, int status, int events);
  static void closed(void* handle);

  std::unique_ptr<char[]> handle_;
  Callback on_readable_;
  Callback on_closed_ = nullptr;
  void* data_;
};

}  // namespace neurode::addon
