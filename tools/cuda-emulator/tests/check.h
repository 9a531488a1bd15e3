// The assertions of these tests, which run where doctest is not installed. CHECK(condition) counts
// and prints failures; check_result() is the status of main.
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

// The message is a printf text that says what was checked and what the result was.
#define CHECK_THAT(condition, ...)                         \
  do {                                                     \
    if (!(condition)) {                                    \
      char text[256];                                      \
      std::snprintf(text, sizeof text, __VA_ARGS__);       \
      ::neurode::report_failure(__FILE__, __LINE__, text); \
    }                                                      \
  } while (false)
