// Node's event loop, told to watch file descriptors by functions of libuv that libuv documents.
// They are found by name at run time, and used where the version and the handle's type are as
// expected: the addon needs no headers of libuv and loads where there is none.
#pragma once

#include <node_api.h>

#include <memory>

namespace neurode::addon {

// Watches one descriptor for something to read.
class UvPoll {
 public:
  using Callback = void (*)(void* data);

  // Whether the functions were found; nothing else may be called where they were not.
  static bool is_available();

  // Null: the loop cannot watch it.
  static UvPoll* create(uv_loop_s* loop, int fd, Callback on_readable, void* data);

  void start();
  void stop();
  // The last call: `on_closed` follows when the loop holds nothing of this any more.
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
