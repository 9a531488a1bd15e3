// The CPU as a device: a thread team and the kernels of one instruction set.
#include "native/cpu/device.h"

#include <algorithm>
#include <cstdlib>
#include <mutex>
#include <optional>
#include <string>
#include <utility>

#include "native/cpu/executor.h"
#include "native/cpu/forward_cost.h"
#include "native/cpu/instruction_sets.h"
#include "native/cpu/packed_inference.h"
#include "native/cpu/threads.h"
#include "native/engine/error.h"
#include "native/engine/flush_subnormals.h"
#include "native/engine/work_queue.h"

namespace neurode::cpu {
namespace {

constexpr int kMostThreads = 1024;

class CpuDevice final : public Device {
 public:
  explicit CpuDevice(int threads) : kernels_(chosen_kernels()), threads_(threads) {}

  std::string name() const override { return "cpu"; }
  std::string isa() const override { return kernels_.name; }
  int threads() const override { return threads_; }

  std::unique_ptr<Executor> open(Program program) override {
    check_precision(program);
    return make_executor(std::move(program), kernels_, team());
  }

  std::shared_ptr<const Inference> open_inference(Program program,
                                                  const ParameterValues& values) override {
    check_precision(program);
    return pack_for_inference(program, kernels_, team(), values);
  }

  ForwardCost forward_cost(const Program& program) const override {
    return cpu::forward_cost(program, kernels_);
  }

  void submit(std::function<void()> work) override {
    queue_.push([work = std::move(work)] {
      const FlushSubnormals flush;
      work();
    });
  }

 private:
  static void check_precision(const Program& program) {
    if (program.precision != Precision::float32)
      throw Error("ERR_ARGUMENT", "precision: the CPU computes in 'float32' alone");
  }

  std::shared_ptr<ThreadTeam> team() {
    const std::lock_guard lock(starting_);
    if (!team_) team_ = std::make_shared<ThreadTeam>(threads_);
    return team_;
  }

  const Kernels& kernels_;
  const int threads_;
  std::mutex starting_;
  std::shared_ptr<ThreadTeam> team_;
  WorkQueue queue_;
};

// Nothing where the variable is not set.
std::optional<int> threads_of_environment(const char* variable) {
  const char* text = std::getenv(variable);
  if (text == nullptr || *text == '\0') return std::nullopt;
  char* end = nullptr;
  const long count = std::strtol(text, &end, 10);
  if (*end != '\0' || count < 1 || count > kMostThreads) {
    throw Error("ERR_ARGUMENT", std::string(variable) + ": expected an integer from 1 to " +
                                    std::to_string(kMostThreads) + ", got " + text);
  }
  return static_cast<int>(count);
}

}  // namespace

DeviceInfo describe_cpu() {
  DeviceInfo info;
  info.name = "cpu";
  info.available = true;
  for (const Kernels* kernels : supported_kernels()) info.isas.push_back(kernels->name);
  info.threads = threads_of(0);
  return info;
}

int threads_of(int wanted) {
  const int threads =
      wanted > 0 ? wanted : threads_of_environment("NEURODE_THREADS").value_or(usable_cores());
  const auto most = threads_of_environment("NEURODE_MAX_THREADS");
  return std::min(threads, most ? *most : usable_processors());
}

std::shared_ptr<Device> make_cpu_device(int threads) {
  return std::make_shared<CpuDevice>(threads);
}

}  // namespace neurode::cpu
