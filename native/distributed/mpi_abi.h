// What of MPI is used, as the three binary interfaces have it: MPI libraries are opened at run
// time, so no mpi.h is included. mpi_check.cc compares these constants with those of an installed
// mpi.h.
#pragma once

#include <cstdint>

namespace neurode::mpi {

// Communicators, datatypes, requests and so on: pointers in Open MPI and in the standard of MPI 5,
// integers in MPICH.
using PointerHandle = void *;
using IntegerHandle = int;

template <class Handle>
struct Constants {
  Handle world, byte, errors_return, no_info;
  int shared_memory;  // MPI_COMM_TYPE_SHARED
  int serialized;     // MPI_THREAD_SERIALIZED
};

// MPICH since 3.0 and libraries of its family, such as Intel's.
inline constexpr Constants<IntegerHandle> kMpich{.world = 0x44000000,
                                                 .byte = 0x4c00010d,
                                                 .errors_return = 0x54000001,
                                                 .no_info = 0x1c000000,
                                                 .shared_memory = 1,
                                                 .serialized = 2};

// The standard ABI of MPI 5, version 1; its handles are these numbers as pointers.
struct StandardNumbers {
  std::uintptr_t world = 0x101, byte = 0x247, errors_return = 0x142, no_info = 0x130;
  int shared_memory = 221, serialized = 2048;
};
inline constexpr StandardNumbers kStandard;

// Open MPI since 3.0; its handles are addresses of these symbols.
struct OpenMpiNames {
  const char *world = "ompi_mpi_comm_world", *byte = "ompi_mpi_byte",
             *errors_return = "ompi_mpi_errors_return", *no_info = "ompi_mpi_info_null";
  int shared_memory = 0, serialized = 2;
};
inline constexpr OpenMpiNames kOpenMpi;

inline constexpr int kSuccess = 0;
// The sizes of the buffers for what MPI writes; no library writes more.
inline constexpr int kStatusBytes = 256;
inline constexpr int kErrorBytes = 2048;
inline constexpr int kVersionBytes = 16384;

// The functions of a library. Each is called MPI_ and the member's name.
template <class Handle>
struct Functions {
  int (*Initialized)(int *);
  int (*Init_thread)(int *, char ***, int, int *);
  int (*Finalize)();
  int (*Abort)(Handle, int);
  int (*Get_library_version)(char *, int *);
  int (*Error_string)(int, char *, int *);
  int (*Comm_set_errhandler)(Handle, Handle);
  int (*Comm_dup)(Handle, Handle *);
  int (*Comm_split_type)(Handle, int, int, Handle, Handle *);
  int (*Comm_rank)(Handle, int *);
  int (*Comm_size)(Handle, int *);
  int (*Ibarrier)(Handle, Handle *);
  int (*Test)(Handle *, int *, void *);
  int (*Bcast)(void *, int, Handle, int, Handle);
  int (*Allgather)(const void *, int, Handle, void *, int, Handle, Handle);
  int (*Alltoall)(const void *, int, Handle, void *, int, Handle, Handle);
};

}  // namespace neurode::mpi
