// Finds the MPI library that belongs to the launcher, and opens it.
#include "native/distributed/mpi_library.h"

#include <optional>
#include <vector>

#include "native/engine/error.h"

#if !defined(_WIN32)
#include <dlfcn.h>
#endif

namespace neurode::mpi {

#if defined(_WIN32)

Library open_library(const Launcher&) {
  throw Error("ERR_DISTRIBUTED", "training on several ranks is not supported on Windows");
}

void* symbol(const Library&, const char*) { return nullptr; }

#else

namespace {

struct Candidate {
  const char* name;
  Launcher::Kind family;  // `other`: any
};

// Debian calls MPICH's library libmpich.so.12. A library with the standard interface may be that of
// any launcher.
#if defined(__APPLE__)
constexpr Candidate kCandidates[] = {
    {"libmpi.40.dylib", Launcher::Kind::open_mpi}, {"libmpi.12.dylib", Launcher::Kind::mpich},
    {"libmpich.12.dylib", Launcher::Kind::mpich},  {"libmpi_abi.1.dylib", Launcher::Kind::other},
    {"libmpi_abi.0.dylib", Launcher::Kind::other}, {"libmpi.dylib", Launcher::Kind::other},
};
// Open MPI's components find the symbols of its library only where they are global.
constexpr int kScope = RTLD_GLOBAL;
#else
constexpr Candidate kCandidates[] = {
    {"libmpi.so.40", Launcher::Kind::open_mpi}, {"libmpi.so.12", Launcher::Kind::mpich},
    {"libmpich.so.12", Launcher::Kind::mpich},  {"libmpi_abi.so.1", Launcher::Kind::other},
    {"libmpi_abi.so.0", Launcher::Kind::other}, {"libmpi.so", Launcher::Kind::other},
};
constexpr int kScope = RTLD_LOCAL;
#endif

Interface interface_of(void* handle) {
  // Libraries with an interface of their own may have the function as well, and give -1.
  int major = -1, minor = -1;
  using GetVersion = int (*)(int*, int*);
  const auto get_version = reinterpret_cast<GetVersion>(dlsym(handle, "MPI_Abi_get_version"));
  if (get_version != nullptr && get_version(&major, &minor) == 0 && major > 0)
    return Interface::standard;
  return dlsym(handle, "ompi_mpi_comm_self") != nullptr ? Interface::open_mpi : Interface::mpich;
}

std::optional<Library> open(const std::string& path, std::string& reasons) {
  void* const handle = dlopen(path.c_str(), RTLD_NOW | kScope | RTLD_NODELETE);
  if (handle == nullptr) {
    const char* const reason = dlerror();
    reasons += (reasons.empty() ? "" : "; ") + std::string(reason != nullptr ? reason : path);
    return std::nullopt;
  }
  return Library{handle, path, interface_of(handle)};
}

}  // namespace

Library open_library(const Launcher& launcher) {
  std::string reasons;
  if (const std::string path = variable("NEURODE_MPI_LIBRARY"); !path.empty()) {
    if (const auto library = open(path, reasons)) return *library;
    throw Error("ERR_DISTRIBUTED", "NEURODE_MPI_LIBRARY: " + reasons);
  }
  for (const auto& [name, family] : kCandidates) {
    const bool is_of_launcher = family == Launcher::Kind::other ||
                                launcher.kind == Launcher::Kind::other || family == launcher.kind;
    if (!is_of_launcher) continue;
    if (const auto library = open(name, reasons)) return *library;
  }
  throw Error("ERR_DISTRIBUTED",
              launcher.variable +
                  " is set, so this process is one of several ranks, but their MPI "
                  "library does not load (" +
                  reasons +
                  "): install it, name it in NEURODE_MPI_LIBRARY, or set NEURODE_MPI=off for "
                  "processes that are alone");
}

void* symbol(const Library& library, const char* name) {
  void* const found = dlsym(library.handle, name);
  if (found == nullptr)
    throw Error("ERR_DISTRIBUTED", library.path + " is no MPI library: it lacks " + name);
  return found;
}

#endif

}  // namespace neurode::mpi
