// The ranks of a distributed training, which MPI connects.
#include "native/distributed/mpi.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <map>
#include <mutex>
#include <thread>
#include <vector>

#include "native/distributed/end_process.h"
#include "native/distributed/mpi_abi.h"
#include "native/distributed/mpi_library.h"
#include "native/distributed/watchdog.h"
#include "native/engine/error.h"

namespace neurode::mpi {
namespace {

using Clock = std::chrono::steady_clock;

template <class Handle>
Constants<Handle> constants_of(const Library& library) {
  if constexpr (std::is_same_v<Handle, IntegerHandle>) {
    return kMpich;
  } else if (library.interface == Interface::standard) {
    const auto handle = [](std::uintptr_t number) { return reinterpret_cast<Handle>(number); };
    return {handle(kStandard.world),   handle(kStandard.byte),  handle(kStandard.errors_return),
            handle(kStandard.no_info), kStandard.shared_memory, kStandard.serialized};
  } else {
    return {symbol(library, kOpenMpi.world),
            symbol(library, kOpenMpi.byte),
            symbol(library, kOpenMpi.errors_return),
            symbol(library, kOpenMpi.no_info),
            kOpenMpi.shared_memory,
            kOpenMpi.serialized};
  }
}

template <class Handle>
Functions<Handle> functions_of(const Library& library) {
  Functions<Handle> functions;
  const auto take = [&](auto& function, const char* name) {
    function = reinterpret_cast<std::remove_reference_t<decltype(function)>>(symbol(library, name));
  };
  take(functions.Initialized, "MPI_Initialized");
  take(functions.Init_thread, "MPI_Init_thread");
  take(functions.Finalize, "MPI_Finalize");
  take(functions.Abort, "MPI_Abort");
  take(functions.Get_library_version, "MPI_Get_library_version");
  take(functions.Error_string, "MPI_Error_string");
  take(functions.Comm_set_errhandler, "MPI_Comm_set_errhandler");
  take(functions.Comm_dup, "MPI_Comm_dup");
  take(functions.Comm_split_type, "MPI_Comm_split_type");
  take(functions.Comm_rank, "MPI_Comm_rank");
  take(functions.Comm_size, "MPI_Comm_size");
  take(functions.Ibarrier, "MPI_Ibarrier");
  take(functions.Test, "MPI_Test");
  take(functions.Bcast, "MPI_Bcast");
  take(functions.Allgather, "MPI_Allgather");
  take(functions.Alltoall, "MPI_Alltoall");
  return functions;
}

// "Open MPI v4.1.4, package: ..." and "MPICH Version:\t4.0.2\n..." without what follows.
std::string short_version(std::string text) {
  text = text.substr(0, text.find_first_of(",\n"));
  std::replace(text.begin(), text.end(), '\t', ' ');
  return text;
}

// The most bytes of one message: counts of MPI are of 31 bits. Tests set fewer.
std::size_t most_bytes() {
  const std::string text = variable("NEURODE_MPI_CHUNK_BYTES");
  const std::size_t given = text.empty() ? 0 : std::strtoull(text.c_str(), nullptr, 10);
  return given > 0 && given < (std::size_t{1} << 30) ? given : std::size_t{1} << 30;
}

template <class Handle>
class MpiRanks final : public Ranks {
 public:
  MpiRanks(const Library& library, const Launcher& launcher)
      : mpi_(functions_of<Handle>(library)), constants_(constants_of<Handle>(library)) {
    initialize();
    char version[kVersionBytes];
    int length = 0;
    check(mpi_.Get_library_version(version, &length), "MPI_Get_library_version");
    version_ = short_version(std::string(version, length));
    world_ = constants_.world;
    check(mpi_.Comm_size(world_, &size_), "MPI_Comm_size");
    if (launcher.size < 0 ? size_ == 1 : size_ != launcher.size) refuse_size(library, launcher);
    check(mpi_.Comm_dup(constants_.world, &world_), "MPI_Comm_dup");
    check(mpi_.Comm_set_errhandler(world_, constants_.errors_return), "MPI_Comm_set_errhandler");
    check(mpi_.Comm_rank(world_, &rank_), "MPI_Comm_rank");
    watchdog_.set_rank(rank_);
    Handle host;
    check(mpi_.Comm_split_type(world_, constants_.shared_memory, rank_, constants_.no_info, &host),
          "MPI_Comm_split_type");
    check(mpi_.Comm_rank(host, &local_rank_), "MPI_Comm_rank");
    std::vector<int> local_ranks(size_);
    all_gather(&local_rank_, local_ranks.data(), sizeof(int));
    hosts_ = static_cast<int>(std::count(local_ranks.begin(), local_ranks.end(), 0));
  }

  int rank() const override { return rank_; }
  int size() const override { return size_; }
  int local_rank() const override { return local_rank_; }
  int hosts() const override { return hosts_; }
  std::string library() const override { return version_; }

  void all_to_all(const void* send, void* receive, std::size_t bytes_each) override {
    const std::lock_guard lock(mutex_);
    const Watchdog::Wait wait(watchdog_);
    const auto exchange = [&](const void* from, void* to, std::size_t bytes) {
      const int count = static_cast<int>(bytes);
      check(mpi_.Alltoall(from, count, constants_.byte, to, count, constants_.byte, world_),
            "MPI_Alltoall");
    };
    const std::size_t most = std::max<std::size_t>(most_bytes_ / size_, 1);
    if (bytes_each <= most) return exchange(send, receive, bytes_each);
    const std::size_t chunk = std::min(most, kStaged / size_);
    std::vector<char> from(chunk * size_), to(chunk * size_);
    for (std::size_t at = 0; at < bytes_each; at += chunk) {
      const std::size_t bytes = std::min(chunk, bytes_each - at);
      for (int r = 0; r < size_; ++r)
        std::memcpy(&from[r * bytes], static_cast<const char*>(send) + r * bytes_each + at, bytes);
      exchange(from.data(), to.data(), bytes);
      for (int r = 0; r < size_; ++r)
        std::memcpy(static_cast<char*>(receive) + r * bytes_each + at, &to[r * bytes], bytes);
    }
  }

  void all_gather(const void* send, void* receive, std::size_t bytes_each) override {
    const std::lock_guard lock(mutex_);
    const Watchdog::Wait wait(watchdog_);
    if (bytes_each * size_ <= most_bytes_) {
      const int count = static_cast<int>(bytes_each);
      return check(
          mpi_.Allgather(send, count, constants_.byte, receive, count, constants_.byte, world_),
          "MPI_Allgather");
    }
    for (int r = 0; r < size_; ++r) {
      char* const piece = static_cast<char*>(receive) + r * bytes_each;
      if (r == rank_) std::memcpy(piece, send, bytes_each);
      send_to_all(piece, bytes_each, r);
    }
  }

  void broadcast(void* data, std::size_t bytes, int root) override {
    const std::lock_guard lock(mutex_);
    const Watchdog::Wait wait(watchdog_);
    send_to_all(static_cast<char*>(data), bytes, root);
  }

  void wait_for_all(const std::atomic<bool>& cancelled) override {
    const std::lock_guard lock(mutex_);
    const Watchdog::Wait wait(watchdog_);
    Handle request;
    check(mpi_.Ibarrier(world_, &request), "MPI_Ibarrier");
    const Clock::time_point began = Clock::now();
    alignas(16) char status[kStatusBytes];
    for (;;) {
      int is_done = 0;
      check(mpi_.Test(&request, &is_done, status), "MPI_Test");
      if (is_done) return;
      if (cancelled) throw Error("ERR_ABORTED", "the ranks do not wait for each other any more");
      pause(Clock::now() - began);
    }
  }

  void set_timeout(double seconds) override { watchdog_.set_seconds(seconds); }

  void end_all(int status) override {
    // Where another thread is in MPI, the launcher ends the others as this process ends.
    const std::unique_lock lock(mutex_, std::try_to_lock);
    if (lock.owns_lock()) mpi_.Abort(constants_.world, status);
    end_process(status);
  }

  void finalize() override {
    const std::lock_guard lock(mutex_);
    const Watchdog::Wait wait(watchdog_);
    mpi_.Finalize();
  }

 private:
  static constexpr std::size_t kStaged = std::size_t{64} << 20;

  void initialize() {
    int is_initialized = 0, provided = 0;
    mpi_.Initialized(&is_initialized);
    if (is_initialized) throw Error("ERR_DISTRIBUTED", "this process has initialized MPI already");
    const int status = mpi_.Init_thread(nullptr, nullptr, constants_.serialized, &provided);
    if (status != kSuccess)
      throw Error("ERR_DISTRIBUTED", "MPI does not start: error " + std::to_string(status));
    if (provided < constants_.serialized)
      throw Error("ERR_DISTRIBUTED", "the MPI library was built without threads");
  }

  [[noreturn]] void refuse_size(const Library& library, const Launcher& launcher) {
    mpi_.Finalize();
    const std::string many = launcher.size < 0 ? "several" : std::to_string(launcher.size);
    throw Error("ERR_DISTRIBUTED",
                launcher.variable + " says that there are " + many + " ranks, but " + library.path +
                    " (" + version_ + ") finds " + std::to_string(size_) +
                    ": it does not belong to the launcher. Start with the launcher of that "
                    "library, or name the launcher's library in NEURODE_MPI_LIBRARY");
  }

  void check(int status, const char* call) const {
    if (status == kSuccess) return;
    char text[kErrorBytes] = "";
    int length = 0;
    mpi_.Error_string(status, text, &length);
    throw Error("ERR_DISTRIBUTED", std::string(call) + ": " + std::string(text, length));
  }

  void send_to_all(char* data, std::size_t bytes, int root) {
    for (std::size_t at = 0; at < bytes; at += most_bytes_) {
      const int count = static_cast<int>(std::min(most_bytes_, bytes - at));
      check(mpi_.Bcast(data + at, count, constants_.byte, root, world_), "MPI_Bcast");
    }
  }

  // Others are mostly there within microseconds, or work for much longer.
  static void pause(Clock::duration waited) {
    using namespace std::chrono_literals;
    if (waited < 200us) return std::this_thread::yield();
    std::this_thread::sleep_for(std::clamp<Clock::duration>(waited / 20, 20us, 1ms));
  }

  const Functions<Handle> mpi_;
  const Constants<Handle> constants_;
  const std::size_t most_bytes_ = mpi::most_bytes();
  Watchdog& watchdog_ = *new Watchdog;
  std::mutex mutex_;
  Handle world_;
  int rank_ = 0, size_ = 1, local_rank_ = 0, hosts_ = 1;
  std::string version_;
};

}  // namespace

void keep_signals() {
#if !defined(_WIN32)
  setenv("OMPI_MCA_opal_signal", "", 0);
  setenv("UCX_HANDLE_ERRORS", "none", 0);
#endif
}

std::shared_ptr<Ranks> join(const Launcher& launcher) {
  // A library initializes MPI once in a process, so what was wrong with it stays so.
  static auto* const refused = new std::map<void*, Error>;
  const Library library = open_library(launcher);
  if (const auto known = refused->find(library.handle); known != refused->end())
    throw Error(known->second);
  try {
    if (library.interface == Interface::mpich)
      return std::make_shared<MpiRanks<IntegerHandle>>(library, launcher);
    return std::make_shared<MpiRanks<PointerHandle>>(library, launcher);
  } catch (const Error& error) {
    refused->emplace(library.handle, error);
    throw;
  }
}

}  // namespace neurode::mpi
