// Compares mpi_abi.h with the mpi.h of an installed MPI library. It is compiled by tests alone.
#include <mpi.h>

#include <type_traits>

#include "native/distributed/mpi_abi.h"

namespace neurode::mpi {
namespace {

static_assert(MPI_SUCCESS == kSuccess);
static_assert(sizeof(MPI_Status) <= kStatusBytes);
static_assert(MPI_MAX_ERROR_STRING <= kErrorBytes);
static_assert(MPI_MAX_LIBRARY_VERSION_STRING <= kVersionBytes);

// Each assignment is a compile error where the library declares the function otherwise.
[[maybe_unused]] Functions<MPI_Comm> functions() {
  Functions<MPI_Comm> of_comm{};
  of_comm.Initialized = MPI_Initialized;
  of_comm.Init_thread = MPI_Init_thread;
  of_comm.Finalize = MPI_Finalize;
  of_comm.Abort = MPI_Abort;
  of_comm.Get_library_version = MPI_Get_library_version;
  of_comm.Error_string = MPI_Error_string;
  of_comm.Comm_dup = MPI_Comm_dup;
  of_comm.Comm_rank = MPI_Comm_rank;
  of_comm.Comm_size = MPI_Comm_size;
  static_assert(
      std::is_same_v<decltype(&MPI_Comm_set_errhandler), int (*)(MPI_Comm, MPI_Errhandler)>);
  static_assert(std::is_same_v<decltype(&MPI_Comm_split_type),
                               int (*)(MPI_Comm, int, int, MPI_Info, MPI_Comm*)>);
  static_assert(std::is_same_v<decltype(&MPI_Ibarrier), int (*)(MPI_Comm, MPI_Request*)>);
  static_assert(std::is_same_v<decltype(&MPI_Test), int (*)(MPI_Request*, int*, MPI_Status*)>);
  static_assert(
      std::is_same_v<decltype(&MPI_Bcast), int (*)(void*, int, MPI_Datatype, int, MPI_Comm)>);
  static_assert(
      std::is_same_v<decltype(&MPI_Allgather),
                     int (*)(const void*, int, MPI_Datatype, void*, int, MPI_Datatype, MPI_Comm)>);
  static_assert(
      std::is_same_v<decltype(&MPI_Alltoall),
                     int (*)(const void*, int, MPI_Datatype, void*, int, MPI_Datatype, MPI_Comm)>);
  return of_comm;
}

#if defined(MPI_ABI_VERSION)
static_assert(std::is_pointer_v<MPI_Comm> && MPI_COMM_TYPE_SHARED == kStandard.shared_memory);
static_assert(MPI_THREAD_SERIALIZED == kStandard.serialized);
// Casts of numbers to pointers are no constants, so these are compared as the program starts.
[[maybe_unused]] const bool is_standard =
    MPI_COMM_WORLD == reinterpret_cast<MPI_Comm>(kStandard.world) &&
    MPI_BYTE == reinterpret_cast<MPI_Datatype>(kStandard.byte) &&
    MPI_ERRORS_RETURN == reinterpret_cast<MPI_Errhandler>(kStandard.errors_return) &&
    MPI_INFO_NULL == reinterpret_cast<MPI_Info>(kStandard.no_info);
#elif defined(OPEN_MPI)
static_assert(std::is_pointer_v<MPI_Comm> && MPI_COMM_TYPE_SHARED == kOpenMpi.shared_memory);
static_assert(MPI_THREAD_SERIALIZED == kOpenMpi.serialized);
// The header declares the symbols that the names in kOpenMpi are.
[[maybe_unused]] const void* const symbols[] = {&ompi_mpi_comm_world, &ompi_mpi_byte,
                                                &ompi_mpi_errors_return, &ompi_mpi_info_null};
#else
static_assert(std::is_same_v<MPI_Comm, IntegerHandle>);
static_assert(MPI_COMM_WORLD == kMpich.world && MPI_BYTE == kMpich.byte);
static_assert(MPI_ERRORS_RETURN == kMpich.errors_return && MPI_INFO_NULL == kMpich.no_info);
static_assert(MPI_COMM_TYPE_SHARED == kMpich.shared_memory);
static_assert(MPI_THREAD_SERIALIZED == kMpich.serialized);
#endif

}  // namespace
}  // namespace neurode::mpi
