// Finds the MPI library that belongs to the launcher, and opens it.
#pragma once

#include <string>

#include "native/distributed/launcher.h"

namespace neurode::mpi {

enum class Interface { open_mpi, mpich, standard };

struct Library {
  void* handle;
  std::string path;
  Interface interface;
};

// Throws ERR_DISTRIBUTED where there is none.
Library open_library(const Launcher& launcher);

// A symbol of the library. Throws ERR_DISTRIBUTED where it has none of that name.
void* symbol(const Library& library, const char* name);

}  // namespace neurode::mpi
