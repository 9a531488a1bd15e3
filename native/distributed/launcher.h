// What the environment says about the program that started this process, such as mpirun or srun.
#pragma once

#include <string>

namespace neurode::mpi {

struct Launcher {
  // `other`: a program that starts ranks of several libraries. `none`: the process is alone.
  enum class Kind { none, open_mpi, mpich, other };
  Kind kind = Kind::none;
  int size = -1;  // how many ranks it started; -1: the environment does not say
  std::string variable;
};

// kind is none where NEURODE_MPI is 'off'. Throws ERR_DISTRIBUTED for another value of it.
Launcher find_launcher();

// The value of an environment variable; empty where there is none.
std::string variable(const char* name);

}  // namespace neurode::mpi
