// The CUDA library, which is looked for, opened and checked once for each path.
#include "native/devices/plugin_library.h"

#include <cstdlib>
#include <map>
#include <mutex>
#include <utility>

#include "native/engine/row_fingerprint.h"

#if defined(__linux__)
#include <dlfcn.h>
#include <unistd.h>
#endif

namespace neurode {
namespace {

const char* variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

#if defined(__linux__)

PluginLibrary none(std::string reason) { return {nullptr, 0, std::move(reason)}; }

std::string cuda_version(int version) {
  return std::to_string(version / 1000) + "." + std::to_string(version % 1000 / 10);
}

// The path beside the file that contains this function.
std::string default_path() {
  Dl_info info{};
  if (dladdr(reinterpret_cast<const void*>(&default_path), &info) == 0 || info.dli_fname == nullptr)
    return {};
  const std::string file = info.dli_fname;
  const std::size_t slash = file.rfind('/');
  return (slash == std::string::npos ? "." : file.substr(0, slash)) + "/neurode_cuda.so";
}

std::string loader_error() {
  const char* const text = dlerror();
  return text != nullptr ? text : "unknown";
}

constexpr int kNoDevice = 100;  // CUDA_ERROR_NO_DEVICE

// Why the driver cannot serve this library: libcuda is missing, does not start, or is too old.
// Empty where it can.
std::string driver_problem(int needed) {
  void* const driver = dlopen("libcuda.so.1", RTLD_NOW | RTLD_LOCAL);
  if (driver == nullptr) return "no NVIDIA driver was found: " + loader_error();
  const auto initialize = reinterpret_cast<int (*)(unsigned)>(dlsym(driver, "cuInit"));
  const auto get_version = reinterpret_cast<int (*)(int*)>(dlsym(driver, "cuDriverGetVersion"));
  if (initialize == nullptr || get_version == nullptr) return "libcuda.so.1 is no NVIDIA driver";
  int version = 0;
  if (get_version(&version) == 0 && version < needed) {
    return "the NVIDIA driver is too old: it serves CUDA " + cuda_version(version) +
           ", this build needs " + cuda_version(needed);
  }
  const int status = initialize(0);
  if (status == 0) return {};
  if (status != kNoDevice)
    return "the NVIDIA driver does not start: cuInit gives error " + std::to_string(status);
  const char* const visible = std::getenv("CUDA_VISIBLE_DEVICES");
  if (visible != nullptr)
    return std::string("CUDA_VISIBLE_DEVICES='") + visible + "' hides every CUDA device";
  return "the NVIDIA driver finds no CUDA device";
}

PluginLibrary load(const std::string& given) {
  const std::string path = given.empty() ? default_path() : given;
  if (given.empty() && access(path.c_str(), R_OK) != 0)
    return none("this build of Neurode has no CUDA library");
  void* const library = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (library == nullptr) return none("the CUDA library does not load: " + loader_error());
  const auto get_table =
      reinterpret_cast<const plugin::Table* (*)()>(dlsym(library, plugin::kSymbol));
  if (get_table == nullptr) return none(path + " is no CUDA library of Neurode");
  const plugin::Table* const table = get_table();
  if (table->version != plugin::kVersion || table->size != sizeof(plugin::Table) ||
      table->rows != NEURODE_ISA_NAMESPACE::row_fingerprint()) {
    return none("the CUDA library " + path + " belongs to another version of Neurode");
  }
  if (table->needs_driver != 0) {
    const std::string problem = driver_problem(table->needs_driver);
    if (!problem.empty()) return none(problem);
  }
  std::int32_t count = 0;
  if (table->device_count(&count) != plugin::kOk) {
    return none(std::string("CUDA does not start: ") + table->last_error());
  }
  if (count == 0) return none("CUDA finds no device");
  return {table, count, {}};
}

#else

PluginLibrary load(const std::string&) { return {nullptr, 0, "CUDA is supported on Linux only"}; }

#endif

}  // namespace

PluginLibrary plugin_library() {
  if (std::string(variable("NEURODE_CUDA")) == "off") return {nullptr, 0, "NEURODE_CUDA=off"};
  const std::string path = variable("NEURODE_CUDA_LIBRARY");
  static auto* const mutex = new std::mutex;
  static auto* const libraries = new std::map<std::string, PluginLibrary>;
  const std::lock_guard lock(*mutex);
  const auto found = libraries->find(path);
  return found != libraries->end() ? found->second : (*libraries)[path] = load(path);
}

}  // namespace neurode
