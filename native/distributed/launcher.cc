// What the environment says about the program that started this process, such as mpirun or srun.
#include "native/distributed/launcher.h"

#include <cstdlib>

#include "native/engine/error.h"

namespace neurode::mpi {
namespace {

struct Row {
  const char* variable;  // how many ranks there are, or only that there are some
  bool is_size;
  Launcher::Kind kind;
};

// The first variable that is set decides. Open MPI's launcher may run under Slurm and sets its own
// variable as well.
constexpr Row kRows[] = {
    {"OMPI_COMM_WORLD_SIZE", true, Launcher::Kind::open_mpi},
    {"PMI_SIZE", true, Launcher::Kind::mpich},
    {"HYDI_CONTROL_FD", false, Launcher::Kind::mpich},
    {"SLURM_STEP_NUM_TASKS", true, Launcher::Kind::other},
    {"PMIX_RANK", false, Launcher::Kind::other},
};

}  // namespace

std::string variable(const char* name) {
  const char* const value = std::getenv(name);
  return value != nullptr ? value : "";
}

Launcher find_launcher() {
  const std::string wanted = variable("NEURODE_MPI");
  if (wanted == "off") return {};
  if (!wanted.empty())
    throw Error("ERR_DISTRIBUTED", "NEURODE_MPI: expected 'off' or nothing, got '" + wanted + "'");
  for (const Row& row : kRows) {
    const std::string value = variable(row.variable);
    if (value.empty()) continue;
    const int size = row.is_size ? std::atoi(value.c_str()) : -1;
    // A launcher of one process leaves it alone.
    if (size == 1) return {};
    return {row.kind, size, row.variable};
  }
  return {};
}

}  // namespace neurode::mpi
