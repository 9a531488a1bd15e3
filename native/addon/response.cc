#include "native/addon/response.h"

#if !defined(_WIN32)

#include <sys/socket.h>

#include <algorithm>
#include <new>

namespace neurode::addon {
namespace {

#if defined(MSG_NOSIGNAL)
constexpr int kSendFlags = MSG_DONTWAIT | MSG_NOSIGNAL;
#else
constexpr int kSendFlags = MSG_DONTWAIT;
#endif

constexpr std::size_t kLargestKept = std::size_t{1} << 22;

}  // namespace

bool Response::gather(Napi::Value head, Napi::Value json, Napi::Value tensor) {
  bytes_.clear();
  try {
    append_text(head);
    append_text(json);
    if (tensor.IsUndefined()) return true;
    const Napi::TypedArray array = tensor.As<Napi::TypedArray>();
    const char* const bytes =
        static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    bytes_.insert(bytes_.end(), bytes, bytes + array.ByteLength());
    return true;
  } catch (const std::bad_alloc&) {
    return false;
  }
}

std::size_t Response::send_to(int fd) const {
  const ssize_t sent = send(fd, bytes_.data(), bytes_.size(), kSendFlags);
  return static_cast<std::size_t>(std::max<ssize_t>(sent, 0));
}

void Response::release() {
  if (bytes_.capacity() > kLargestKept) std::vector<char>().swap(bytes_);
}

void Response::append_text(Napi::Value text) {
  const napi_env env = text.Env();
  std::size_t size = 0;
  napi_get_value_string_utf8(env, text, nullptr, 0, &size);
  const std::size_t begin = bytes_.size();
  bytes_.resize(begin + size + 1);  // Node-API writes a terminating 0
  napi_get_value_string_utf8(env, text, bytes_.data() + begin, size + 1, &size);
  bytes_.resize(begin + size);
}

}  // namespace neurode::addon

#endif
