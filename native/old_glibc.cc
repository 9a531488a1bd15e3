// Lets what is built where glibc is 2.34 or newer run from 2.28 on, by names that only the linker
// sees: functions that moved into libc.so.6 or changed how they tell errors keep the version they
// had before, and what libstdc++ and libgcc ask of a newer glibc is here.
#include <features.h>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34) && (defined(__x86_64__) || defined(__aarch64__))

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#ifdef __x86_64__
#define NEURODE_JUMP "jmp *neurode_\\name@GOTPCREL(%rip)"
#define NEURODE_FIRST_GLIBC "GLIBC_2.2.5"
#define NEURODE_FIRST_DLMOPEN "GLIBC_2.3.4"
#else
#define NEURODE_JUMP "b neurode_\\name"
#define NEURODE_FIRST_GLIBC "GLIBC_2.17"
#define NEURODE_FIRST_DLMOPEN "GLIBC_2.17"
#endif

// Each name becomes a jump to its first version, in a section that the linker drops when nothing
// here calls it.
__asm__(R"(
.macro neurode_bind version, names:vararg
.irp name, \names
.pushsection .text.\name, "ax", %progbits
.symver neurode_\name, \name\()@\version
.globl \name
.hidden \name
.type \name, %function
\name:
)" NEURODE_JUMP R"(
.size \name, . - \name
.popsection
.endr
.endm
.macro neurode_first names:vararg
neurode_bind )" NEURODE_FIRST_GLIBC R"(, \names
.endm
neurode_first __pthread_key_create, dladdr, dlclose, dlerror, dlopen, dlsym, dlvsym
neurode_first pthread_condattr_setpshared, pthread_create, pthread_detach
neurode_first pthread_getspecific, pthread_join, pthread_key_create, pthread_key_delete
neurode_first pthread_kill, pthread_mutex_trylock, pthread_mutexattr_destroy
neurode_first pthread_mutexattr_init, pthread_mutexattr_setpshared, pthread_mutexattr_settype
neurode_first pthread_once, pthread_rwlock_destroy, pthread_rwlock_init
neurode_first pthread_rwlock_rdlock, pthread_rwlock_timedrdlock, pthread_rwlock_timedwrlock
neurode_first pthread_rwlock_tryrdlock, pthread_rwlock_trywrlock, pthread_rwlock_unlock
neurode_first pthread_rwlock_wrlock, pthread_rwlockattr_destroy, pthread_rwlockattr_init
neurode_first pthread_rwlockattr_setpshared, pthread_setspecific, pthread_spin_destroy
neurode_first pthread_spin_init, pthread_spin_lock, pthread_spin_trylock, pthread_spin_unlock
neurode_first exp, exp2, log, log2, pow
neurode_first sem_destroy, sem_init, sem_post, sem_timedwait, sem_trywait, sem_wait, shm_open
neurode_first shm_unlink
neurode_bind )" NEURODE_FIRST_DLMOPEN R"(, dlmopen
)");

#ifdef DLFO_EH_SEGMENT_TYPE
namespace {

bool covers(const dl_phdr_info& object, const ElfW(Phdr) & segment, std::uintptr_t address) {
  return segment.p_type == PT_LOAD &&
         address - (object.dlpi_addr + segment.p_vaddr) < segment.p_memsz;
}

// Completes the dl_find_object at `result` when `object` holds its dlfo_map_start, and so ends the
// search.
int complete(dl_phdr_info* object, std::size_t, void* result) {
  auto& found = *static_cast<dl_find_object*>(result);
  const auto address = reinterpret_cast<std::uintptr_t>(found.dlfo_map_start);
  bool is_here = false;
  void* tables = nullptr;
  for (int i = 0; i < object->dlpi_phnum; ++i) {
    const auto& segment = object->dlpi_phdr[i];
    if (covers(*object, segment, address)) is_here = true;
    if (segment.p_type == DLFO_EH_SEGMENT_TYPE)
      tables = reinterpret_cast<void*>(object->dlpi_addr + segment.p_vaddr);
  }
  if (!is_here || !tables) return 0;
  found.dlfo_eh_frame = tables;
  return 1;
}

}  // namespace
#endif

#pragma GCC visibility push(hidden)
extern "C" {

// References are counted with atomic instructions also in a process of one thread.
char __libc_single_threaded = 0;

int fstat64(int file, struct stat64* status) noexcept {
  return static_cast<int>(syscall(SYS_fstat, file, status));
}

#ifdef DLFO_EH_SEGMENT_TYPE
// libgcc asks it for the tables of exceptions.
int _dl_find_object(void* address, dl_find_object* result) noexcept {
  *result = {};
  result->dlfo_map_start = address;
  return dl_iterate_phdr(complete, result) ? 0 : -1;
}
#endif
}
#pragma GCC visibility pop

#endif
