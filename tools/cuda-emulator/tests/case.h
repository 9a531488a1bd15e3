// A test that runs in its own process, which may end with a fault.
#pragma once

#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "tools/cuda-emulator/tests/check.h"

struct Case {
  const char* name;
  void (*run)();
  std::vector<const char*> environment;
  int status;
  const char* says;  // part of the expected output
};

// Returns the exit status of the child process, or -1 if a signal ended it. `output` gets its
// output.
inline int run_in_child(const Case& test, std::string& output) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
    neurode::failed_checks = 0;
    dup2(ends[1], STDERR_FILENO);
    for (const char* variable : test.environment) putenv(const_cast<char*>(variable));
    test.run();
    std::fflush(nullptr);
    _exit(neurode::check_result());
  }
  close(ends[1]);
  char buffer[4096];
  for (ssize_t got; (got = read(ends[0], buffer, sizeof buffer)) > 0;)
    output.append(buffer, std::size_t(got));
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}
