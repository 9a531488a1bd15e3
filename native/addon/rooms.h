// Buffers for requests, which JavaScript can read. They are reused.
#pragma once

#include <napi.h>

#include <array>

namespace neurode::addon {

// A Node.js Buffer with its memory.
struct Room {
  napi_ref buffer = nullptr;
  char* data = nullptr;
  std::size_t size = 0;
};

class Rooms {
 public:
  static constexpr std::size_t kSmallest = std::size_t{1} << 17;

  explicit Rooms(napi_env env) : env_(env) {}
  Rooms(const Rooms&) = delete;
  Rooms& operator=(const Rooms&) = delete;

  Room take(std::size_t size) {
    while (spares_ > 0) {
      const Room room = spare_[--spares_];
      if (room.size >= size) return room;
      napi_delete_reference(env_, room.buffer);
    }
    std::size_t power = kSmallest;
    while (power < size) power *= 2;
    const Napi::Buffer<char> buffer = Napi::Buffer<char>::New(env_, power);
    Room room{.data = buffer.Data(), .size = power};
    napi_create_reference(env_, buffer, 1, &room.buffer);
    return room;
  }

  void give_back(const Room& room) {
    if (spares_ < spare_.size())
      spare_[spares_++] = room;
    else
      napi_delete_reference(env_, room.buffer);
  }

 private:
  napi_env env_;
  std::array<Room, 4> spare_;
  std::size_t spares_ = 0;
};

}  // namespace neurode::addon
