// Copies arrays that a caller may change or free as soon as its call has returned.
#include "native/addon/copies.h"

#include <cstring>
#include <system_error>
#include <thread>

namespace neurode::addon {
namespace {

constexpr std::size_t kLargeCopy = std::size_t{8} << 20;

}  // namespace

// Most of the time of a large copy is spent on the first access to new memory, so two threads share
// the work.
void copy_bytes(void* to, const void* from, std::size_t size) {
  const std::size_t half = size < kLargeCopy ? size : size / 2;
  std::thread other;
  if (half < size) {
    try {
      other = std::thread([=] {
        std::memcpy(static_cast<char*>(to) + half, static_cast<const char*>(from) + half,
                    size - half);
      });
    } catch (const std::system_error&) {  // no thread could start: this thread copies all
    }
  }
  std::memcpy(to, from, other.joinable() ? half : size);
  if (other.joinable()) other.join();
}

}  // namespace neurode::addon
