// The one exception of the native code, with the code that JavaScript sees.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace neurode {

// The text is the `code` of the NeurodeError it becomes.
struct Error : std::runtime_error {
  Error(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
  const char* code;
};

// A thread, or an Error that says what it was for.
template <class Function>
std::thread start_thread(const char* what, Function run) {
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& error) {
    throw Error("ERR_OUT_OF_MEMORY", std::string(what) + " could not be started: " + error.what());
  }
}

}  // namespace neurode
