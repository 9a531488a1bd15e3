// The ranks of a distributed training, which MPI connects.
#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "native/distributed/launcher.h"
#include "native/engine/transport.h"

namespace neurode {

// Its calls may come from any thread, one at a time: each waits for the one before.
class Ranks : public Transport {
 public:
  virtual int local_rank() const = 0;       // among the ranks of this host
  virtual int hosts() const = 0;            // on which there are ranks
  virtual std::string library() const = 0;  // name and version of the MPI library

  // Waits until all ranks have called it, however long one of them works before, and leaves the
  // processor to others meanwhile. Throws ERR_ABORTED once `cancelled` is set.
  virtual void wait_for_all(const std::atomic<bool>& cancelled) = 0;
  // How long a call may wait for other ranks before it ends the process with Watchdog::kStartAgain.
  virtual void set_timeout(double seconds) = 0;
  // Ends all ranks; this one has the exit status. Never returns.
  [[noreturn]] virtual void end_all(int status) = 0;
  // To be called by all ranks, as the last call.
  virtual void finalize() = 0;
};

namespace mpi {

// To be called before join(), while no other thread uses the environment: MPI libraries then leave
// the handlers of signals alone.
void keep_signals();

// Opens the launcher's MPI library and initializes it. Throws ERR_DISTRIBUTED where there is none,
// or where it is not the launcher's: it would take each rank for the only one.
std::shared_ptr<Ranks> join(const Launcher& launcher);

}  // namespace mpi
}  // namespace neurode
