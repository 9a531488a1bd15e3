// Lets what is built where glibc is 2.34 or newer run from 2.28 on, by names that only the linker
// sees: functions that moved into libc.so.6 keep the version they had before, and what libstdc++
// and libgcc ask of a newer glibc is here.
#include <features.h>

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 34) && (defined(__x86_64__) || defined(__aarch64__))

#include <dlfcn.h>
#include <link.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdint>

#ifdef __x86_64__
#define NEURODE_FIRST_GLIBC "GLIBC_2.2.5"
#define NEURODE_JUMP(target) "jmp *" target "@GOTPCREL(%rip)"
#else
#define NEURODE_FIRST_GLIBC "GLIBC_2.17"
#define NEURODE_JUMP(target) "b " target
#endif

// Defines `name` as a jump to its first version, in a section that the linker drops when nothing
// here calls it.
#define NEURODE_FIRST(name)                                                        \
  __asm__(".pushsection .text." #name                                              \
          ",\"ax\",%progbits\n"                                                    \
          ".symver neurode_first_" #name "," #name "@" NEURODE_FIRST_GLIBC         \
          "\n"                                                                     \
          ".globl " #name "\n.hidden " #name "\n.type " #name ",%function\n" #name \
          ": " NEURODE_JUMP("neurode_first_" #name) "\n.size " #name ",.-" #name   \
                                                    "\n"                           \
                                                    ".popsection\n");

NEURODE_FIRST(__pthread_key_create)
NEURODE_FIRST(dladdr)
NEURODE_FIRST(dlclose)
NEURODE_FIRST(dlerror)
NEURODE_FIRST(dlopen)
NEURODE_FIRST(dlsym)
NEURODE_FIRST(dlvsym)
NEURODE_FIRST(pthread_condattr_setpshared)
NEURODE_FIRST(pthread_create)
NEURODE_FIRST(pthread_detach)
NEURODE_FIRST(pthread_getspecific)
NEURODE_FIRST(pthread_join)
NEURODE_FIRST(pthread_key_create)
NEURODE_FIRST(pthread_key_delete)
NEURODE_FIRST(pthread_kill)
NEURODE_FIRST(pthread_mutex_trylock)
NEURODE_FIRST(pthread_mutexattr_destroy)
NEURODE_FIRST(pthread_mutexattr_init)
NEURODE_FIRST(pthread_mutexattr_setpshared)
NEURODE_FIRST(pthread_mutexattr_settype)
NEURODE_FIRST(pthread_once)
NEURODE_FIRST(pthread_rwlock_destroy)
NEURODE_FIRST(pthread_rwlock_init)
NEURODE_FIRST(pthread_rwlock_rdlock)
NEURODE_FIRST(pthread_rwlock_timedrdlock)
NEURODE_FIRST(pthread_rwlock_timedwrlock)
NEURODE_FIRST(pthread_rwlock_tryrdlock)
NEURODE_FIRST(pthread_rwlock_trywrlock)
NEURODE_FIRST(pthread_rwlock_unlock)
NEURODE_FIRST(pthread_rwlock_wrlock)
NEURODE_FIRST(pthread_rwlockattr_destroy)
NEURODE_FIRST(pthread_rwlockattr_init)
NEURODE_FIRST(pthread_rwlockattr_setpshared)
NEURODE_FIRST(pthread_setspecific)
NEURODE_FIRST(pthread_spin_destroy)
NEURODE_FIRST(pthread_spin_init)
NEURODE_FIRST(pthread_spin_lock)
NEURODE_FIRST(pthread_spin_trylock)
NEURODE_FIRST(pthread_spin_unlock)
NEURODE_FIRST(sem_destroy)
NEURODE_FIRST(sem_init)
NEURODE_FIRST(sem_post)
NEURODE_FIRST(sem_timedwait)
NEURODE_FIRST(sem_trywait)
NEURODE_FIRST(sem_wait)
NEURODE_FIRST(shm_open)
NEURODE_FIRST(shm_unlink)

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
