// The one assertion of these tests, which run where doctest is not installed: CHECK(condition)
// counts and prints what failed, check_result() is main's status.
#pragma once

#include <cstdio>

namespace neurode {

inline int failed_checks = 0;

inline void report_failure(const char* file, int line, const char* what) {
  if (++failed_checks <= 50) std::fprintf(stderr, "%s:%d: %s\n", file, line, what);
}

inline int check_result() {
  if (failed_checks == 0) return 0;
  std::fprintf(stderr, "%d checks failed\n", failed_checks);
  return 1;
}

}  // namespace neurode

#define CHECK(condition)                                                         \
  do {                                                                           \
    if (!(condition)) ::neurode::report_failure(__FILE__, __LINE__, #condition); \
  } while (false)

// With a printf text that says what was checked, and what came.
#define CHECK_THAT(condition, ...)                         \
  do {                                                     \
    if (!(condition)) {                                    \
      char text[256];                                      \
      std::snprintf(text, sizeof text, __VA_ARGS__);       \
      ::neurode::report_failure(__FILE__, __LINE__, text); \
    }                                                      \
  } while (false)
