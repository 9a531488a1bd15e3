// The exception type of the native code. It carries the error code that JavaScript sees.
#pragma once

#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

namespace neurode {

// `code` becomes the `code` of the NeurodeError that JavaScript catches.
struct Error : std::runtime_error {
  Error(const char* code, const std::string& message) : std::runtime_error(message), code(code) {}
  const char* code;
};

// Starts a thread, or throws an Error. `what` names the thread in the error message.
template <class Function>
std::thread start_thread(const char* what, Function run) {
  try {
    return std::thread(std::move(run));
  } catch (const std::system_error& error) {
    throw Error("ERR_OUT_OF_MEMORY", std::string(what) + " could not be started: " + error.what());
  }
}

}  // namespace neurode
