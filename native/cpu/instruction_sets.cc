// The instruction sets that were compiled in, and the choice among them at run time.
#include "native/cpu/instruction_sets.h"

#include <cstdlib>

#include "native/engine/error.h"

namespace neurode {

#if defined(__x86_64__) || defined(_M_X64)
namespace avx512 {
extern const cpu::Kernels kKernels;
}
namespace avx2 {
extern const cpu::Kernels kKernels;
}
namespace sse42 {
extern const cpu::Kernels kKernels;
}
#else
namespace neon {
extern const cpu::Kernels kKernels;
}
#endif

namespace cpu {

std::vector<const Kernels*> supported_kernels() {
  std::vector<const Kernels*> supported;
#if defined(__x86_64__) || defined(_M_X64)
  __builtin_cpu_init();
  if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
      __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
      __builtin_cpu_supports("avx512vl")) {
    supported.push_back(&avx512::kKernels);
  }
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") &&
      __builtin_cpu_supports("bmi2")) {
    supported.push_back(&avx2::kKernels);
  }
  supported.push_back(&sse42::kKernels);
#else
  supported.push_back(&neon::kKernels);
#endif
  return supported;
}

const Kernels& chosen_kernels() {
  const std::vector<const Kernels*> supported = supported_kernels();
  const char* wanted = std::getenv("NEURODE_ISA");
  if (wanted == nullptr || *wanted == '\0') return *supported.front();
  std::string names;
  for (const Kernels* kernels : supported) {
    if (std::string(wanted) == kernels->name) return *kernels;
    names += (names.empty() ? "" : ", ") + std::string(kernels->name);
  }
  throw Error("ERR_ARGUMENT", "NEURODE_ISA: expected one of " + names + ", got " + wanted);
}

}  // namespace cpu
}  // namespace neurode
