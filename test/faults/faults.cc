// For tests: a library that is preloaded into a process and makes system requests of Neurode's own
// code fail.
//
// NEURODE_FAULT=kind:n     The n-th request of this kind fails.
// NEURODE_FAULT=kind:n-m   Requests n to m fail. Requests are counted from the time the variable
//                          got its value. A running program may set it like any other variable.
// The kinds:
//   memory      new, malloc, aligned_alloc and mmap, called by the addon or the CUDA library, find
//               no memory.
//   thread      pthread_create, called by the addon or the CUDA library, fails with EAGAIN.
//   library     dlopen, called by the addon or the CUDA library, finds no library.
//   descriptor  When a new connection is first added to epoll, which asks whether the connection
//               can be watched, epoll_ctl fails with ENOSPC.
//   ENOSPC, EIO, EMFILE   Uses of files in NEURODE_FAULT_FOLDER fail, by any caller. ENOSPC:
//               writes and closes. EIO: reads, writes, opens and closes. EMFILE: opens.
//   close       Closes of such files fail with EIO, although the files are closed.
// NEURODE_FAULT_REQUESTS   Reads as the number of requests of this kind so far.
#include <dlfcn.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#define NEURODE_EXPORT extern "C" __attribute__((visibility("default")))
#define NEURODE_CALLER __builtin_return_address(0)

// The C library's own functions. They are needed before dlsym can find the next malloc.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
}

namespace {

enum Kind { kNothing, kMemory, kThread, kLibrary, kDescriptor, kNoSpace, kInputOutput, kNoDescriptors, kClose };

struct KindName {
  const char* name;
  Kind kind;
};
constexpr KindName kKinds[] = {{"memory", kMemory},         {"thread", kThread}, {"library", kLibrary},
                               {"descriptor", kDescriptor}, {"ENOSPC", kNoSpace}, {"EIO", kInputOutput},
                               {"EMFILE", kNoDescriptors},  {"close", kClose}};

std::atomic<Kind> armed{kNothing};
std::atomic<long> requests{0};
long first_doomed = 0, last_doomed = 0;
char folder[4096];

// The addresses of the code of the addon and of the CUDA library.
struct Range {
  std::uintptr_t begin, end;
};
constexpr int kMostRanges = 8;
Range ranges[kMostRanges];
std::atomic<int> range_count{0};
// Whether the calling thread is in the CUDA emulator. The emulator's memory stands for device
// memory, so its requests are not counted.
std::atomic<int (*)()> within_emulator{nullptr};

int add_range(dl_phdr_info* info, std::size_t, void*) {
  if (std::strstr(info->dlpi_name, "/neurode") == nullptr || std::strstr(info->dlpi_name, "neurode_faults") != nullptr) return 0;
  for (int i = 0; i < info->dlpi_phnum; ++i) {
    const ElfW(Phdr)& header = info->dlpi_phdr[i];
    if (header.p_type != PT_LOAD || (header.p_flags & PF_X) == 0) continue;
    const std::uintptr_t begin = info->dlpi_addr + header.p_vaddr;
    const int count = range_count;
    for (int k = 0; k < count; ++k)
      if (ranges[k].begin == begin) return 0;
    if (count == kMostRanges) return 0;
    ranges[count] = {begin, begin + header.p_memsz};
    range_count = count + 1;
  }
  return 0;
}

bool is_ours(const void* caller) {
  const auto address = reinterpret_cast<std::uintptr_t>(caller);
  for (int i = 0; i < range_count; ++i)
    if (ranges[i].begin <= address && address < ranges[i].end) return true;
  return false;
}

template <class Function>
Function* next(Function*, const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}
#define NEURODE_NEXT(name) static auto* const name##_ = next(&::name, #name)

void arm(const char* text) {
  armed = kNothing;
  requests = 0;
  if (text == nullptr) return;
  for (const KindName& known : kKinds) {
    const std::size_t length = std::strlen(known.name);
    if (std::strncmp(text, known.name, length) != 0 || text[length] != ':') continue;
    char* end = nullptr;
    first_doomed = last_doomed = std::strtol(text + length + 1, &end, 10);
    if (*end == '-') last_doomed = std::strtol(end + 1, nullptr, 10);
    armed = known.kind;
  }
}

bool counts_and_fails() {
  const long number = ++requests;
  const bool fails = first_doomed <= number && number <= last_doomed;
  if (fails && std::getenv("NEURODE_FAULT_TRACE") != nullptr) {
    armed = kNothing;
    abort();
  }
  return fails;
}

bool fails(Kind kind, const void* caller) {
  if (armed.load(std::memory_order_relaxed) != kind || !is_ours(caller)) return false;
  const auto within = within_emulator.load();
  if (within != nullptr && within() != 0) return false;
  return counts_and_fails();
}

bool is_within_folder(const char* path) {
  const std::size_t length = std::strlen(folder);
  return length > 0 && std::strncmp(path, folder, length) == 0;
}

bool is_of_folder(int fd) {
  char name[64], path[4096];
  std::snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  const ssize_t size = readlink(name, path, sizeof path - 1);
  if (size <= 0) return false;
  path[size] = 0;
  return is_within_folder(path);
}

enum Use { kReads, kWrites, kOpens, kCloses };

// Whether this use of a file fails. If so, sets errno.
template <class File>
bool refused(File file, Use use, bool (*is_one)(File)) {
  const Kind kind = armed.load(std::memory_order_relaxed);
  const bool counts = kind == kInputOutput || (kind == kNoSpace && (use == kWrites || use == kCloses)) ||
                      (kind == kNoDescriptors && use == kOpens) || (kind == kClose && use == kCloses);
  if (!counts || !is_one(file) || !counts_and_fails()) return false;
  errno = kind == kNoSpace ? ENOSPC : kind == kNoDescriptors ? EMFILE : EIO;
  return true;
}
bool refused(int fd, Use use) { return refused<int>(fd, use, is_of_folder); }
bool refused(const char* path, Use use) { return refused<const char*>(path, use, is_within_folder); }

__attribute__((constructor)) void begin() {
  if (const char* const path = std::getenv("NEURODE_FAULT_FOLDER")) std::snprintf(folder, sizeof folder, "%s", path);
  arm(std::getenv("NEURODE_FAULT"));
}

}  // namespace

// ------------------------------------------------------------------------------------------------ control

NEURODE_EXPORT int setenv(const char* name, const char* value, int overwrite) {
  NEURODE_NEXT(setenv);
  const int status = setenv_(name, value, overwrite);
  if (std::strcmp(name, "NEURODE_FAULT") == 0) arm(value);
  return status;
}

NEURODE_EXPORT char* getenv(const char* name) noexcept {
  NEURODE_NEXT(getenv);
  if (std::strcmp(name, "NEURODE_FAULT_REQUESTS") != 0) return getenv_(name);
  static thread_local char text[32];
  std::snprintf(text, sizeof text, "%ld", requests.load());
  return text;
}

// ------------------------------------------------------------------------------------------------ memory

NEURODE_EXPORT void* malloc(std::size_t size) {
  if (!fails(kMemory, NEURODE_CALLER)) return __libc_malloc(size);
  errno = ENOMEM;
  return nullptr;
}

NEURODE_EXPORT void* calloc(std::size_t count, std::size_t size) {
  if (!fails(kMemory, NEURODE_CALLER)) return __libc_calloc(count, size);
  errno = ENOMEM;
  return nullptr;
}

NEURODE_EXPORT void* realloc(void* data, std::size_t size) {
  if (size == 0 || !fails(kMemory, NEURODE_CALLER)) return __libc_realloc(data, size);
  errno = ENOMEM;
  return nullptr;
}

NEURODE_EXPORT void* aligned_alloc(std::size_t alignment, std::size_t size) {
  if (!fails(kMemory, NEURODE_CALLER)) return __libc_memalign(alignment, size);
  errno = ENOMEM;
  return nullptr;
}

NEURODE_EXPORT int posix_memalign(void** data, std::size_t alignment, std::size_t size) {
  if (fails(kMemory, NEURODE_CALLER)) return ENOMEM;
  *data = __libc_memalign(alignment, size);
  return *data == nullptr ? ENOMEM : 0;
}

NEURODE_EXPORT void* mmap(void* address, std::size_t size, int protection, int flags, int fd, off_t offset) noexcept {
  NEURODE_NEXT(mmap);
  if (!fails(kMemory, NEURODE_CALLER)) return mmap_(address, size, protection, flags, fd, offset);
  errno = ENOMEM;
  return MAP_FAILED;
}

// ------------------------------------------------------------------------------------------------ threads, libraries

NEURODE_EXPORT int pthread_create(pthread_t* thread, const pthread_attr_t* attributes, void* (*run)(void*), void* argument) noexcept {
  NEURODE_NEXT(pthread_create);
  return fails(kThread, NEURODE_CALLER) ? EAGAIN : pthread_create_(thread, attributes, run, argument);
}

NEURODE_EXPORT void* dlopen(const char* path, int flags) noexcept {
  NEURODE_NEXT(dlopen);
  const bool doomed = path != nullptr && fails(kLibrary, NEURODE_CALLER);
  void* const library = dlopen_(doomed ? "/nowhere/refused-by-a-test.so" : path, flags);
  if (library == nullptr || path == nullptr) return library;
  dl_iterate_phdr(add_range, nullptr);
  if (void* const symbol = dlsym(library, "emulator_is_working")) within_emulator = reinterpret_cast<int (*)()>(symbol);
  return library;
}

// ------------------------------------------------------------------------------------------------ descriptors

namespace {

// By file descriptor: whether the connection was accepted and not yet added to epoll. The server's
// fast path adds it first to find out whether it can be watched.
constexpr int kMostDescriptors = 4096;
std::atomic<bool> unwatched[kMostDescriptors];

}  // namespace

NEURODE_EXPORT int accept4(int fd, sockaddr* address, socklen_t* length, int flags) {
  NEURODE_NEXT(accept4);
  const int accepted = accept4_(fd, address, length, flags);
  if (accepted >= 0 && accepted < kMostDescriptors) unwatched[accepted] = true;
  return accepted;
}

NEURODE_EXPORT int epoll_ctl(int epoll, int operation, int fd, epoll_event* event) noexcept {
  NEURODE_NEXT(epoll_ctl);
  const bool asks = operation == EPOLL_CTL_ADD && fd >= 0 && fd < kMostDescriptors && unwatched[fd].exchange(false);
  if (asks && armed == kDescriptor && counts_and_fails()) {
    errno = ENOSPC;
    return -1;
  }
  return epoll_ctl_(epoll, operation, fd, event);
}

// ------------------------------------------------------------------------------------------------ files

#define NEURODE_OPEN(name)                                                            \
  NEURODE_EXPORT int name(const char* path, int flags, ...) {                         \
    NEURODE_NEXT(name);                                                               \
    va_list list;                                                                     \
    va_start(list, flags);                                                            \
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(list, mode_t) : 0;            \
    va_end(list);                                                                     \
    if (refused(path, kOpens) || ((flags & O_CREAT) != 0 && refused(path, kWrites))) return -1; \
    return name##_(path, flags, mode);                                                \
  }
NEURODE_OPEN(open)
NEURODE_OPEN(open64)

#define NEURODE_ON(name, use, file, parameters, arguments)    \
  NEURODE_EXPORT auto name parameters->decltype(::name arguments) { \
    NEURODE_NEXT(name);                                       \
    if (refused(file, use)) return -1;                        \
    return name##_ arguments;                                 \
  }
#define NEURODE_ON_NOTHROW(name, use, file, parameters, arguments)         \
  NEURODE_EXPORT auto name parameters noexcept->decltype(::name arguments) { \
    NEURODE_NEXT(name);                                                    \
    if (refused(file, use)) return -1;                                     \
    return name##_ arguments;                                              \
  }

NEURODE_ON(read, kReads, fd, (int fd, void* data, std::size_t size), (fd, data, size))
NEURODE_ON(readv, kReads, fd, (int fd, const iovec* parts, int count), (fd, parts, count))
NEURODE_ON(pread64, kReads, fd, (int fd, void* data, std::size_t size, off64_t at), (fd, data, size, at))
NEURODE_ON(preadv64, kReads, fd, (int fd, const iovec* parts, int count, off64_t at), (fd, parts, count, at))
NEURODE_ON(write, kWrites, fd, (int fd, const void* data, std::size_t size), (fd, data, size))
NEURODE_ON(writev, kWrites, fd, (int fd, const iovec* parts, int count), (fd, parts, count))
NEURODE_ON(pwrite64, kWrites, fd, (int fd, const void* data, std::size_t size, off64_t at), (fd, data, size, at))
NEURODE_ON(pwritev64, kWrites, fd, (int fd, const iovec* parts, int count, off64_t at), (fd, parts, count, at))
NEURODE_ON(fsync, kWrites, fd, (int fd), (fd))
NEURODE_ON(fdatasync, kWrites, fd, (int fd), (fd))
NEURODE_ON_NOTHROW(ftruncate64, kWrites, fd, (int fd, off64_t size), (fd, size))
NEURODE_ON_NOTHROW(fchmod, kWrites, fd, (int fd, mode_t mode), (fd, mode))
NEURODE_ON_NOTHROW(rename, kWrites, from, (const char* from, const char* to), (from, to))
NEURODE_ON_NOTHROW(link, kWrites, from, (const char* from, const char* to), (from, to))
NEURODE_ON_NOTHROW(mkdir, kWrites, path, (const char* path, mode_t mode), (path, mode))
NEURODE_ON_NOTHROW(unlink, kWrites, path, (const char* path), (path))

namespace {

// Closes the file even if the close is to fail: data may be lost, but the descriptor is freed.
template <class Close>
int close_or_refuse(int fd, Close close) {
  const bool fails = refused(fd, kCloses);
  const int error = errno, status = close();
  if (!fails) return status;
  errno = error;
  return -1;
}

}  // namespace

NEURODE_EXPORT int close(int fd) {
  NEURODE_NEXT(close);
  return close_or_refuse(fd, [fd] { return close_(fd); });
}

// libuv closes files by syscall(SYS_close).
NEURODE_EXPORT long syscall(long number, ...) noexcept {
  NEURODE_NEXT(syscall);
  long a[6];
  va_list list;
  va_start(list, number);
  for (long& argument : a) argument = va_arg(list, long);
  va_end(list);
  const auto call = [&] { return syscall_(number, a[0], a[1], a[2], a[3], a[4], a[5]); };
  if (number != SYS_close) return call();
  return close_or_refuse(static_cast<int>(a[0]), [&] { return static_cast<int>(call()); });
}
