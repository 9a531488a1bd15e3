// An answer in one piece, in memory that is used again.
#pragma once

#include <napi.h>

#include <cstddef>
#include <vector>

namespace neurode::addon {

class Response {
 public:
  // The texts, and the tensor's bytes where it is not undefined. False: there is no memory for it.
  bool gather(Napi::Value head, Napi::Value json, Napi::Value tensor);

  // Gives how many of its bytes the socket took at once.
  std::size_t send_to(int fd) const;

  std::size_t size() const { return bytes_.size(); }

  // Lets go of the memory of a large answer.
  void release();

 private:
  void append_text(Napi::Value text);

  std::vector<char> bytes_;
};

}  // namespace neurode::addon
