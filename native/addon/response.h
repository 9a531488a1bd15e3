// An HTTP response in one buffer, which is reused.
#pragma once

#include <napi.h>

#include <cstddef>
#include <vector>

namespace neurode::addon {

class Response {
 public:
  // Collects the texts and, unless undefined, the bytes of the tensor, a typed array. Returns false
  // if there is too little memory.
  bool gather(Napi::Value head, Napi::Value json, Napi::Value tensor);

  // Sends without waiting. Returns how many bytes the socket took.
  std::size_t send_to(int fd) const;

  std::size_t size() const { return bytes_.size(); }

  // Frees the buffer if it is large.
  void release();

 private:
  void append_text(Napi::Value text);

  std::vector<char> bytes_;
};

}  // namespace neurode::addon
