// Chooses the implementation of a product by timing.
#include <map>
#include <mutex>

#include "cuda/wide/library_choice.h"

namespace neurode::cuda {
namespace {

constexpr int kTimings = 3;
constexpr float kHopeless = 1e30f;  // in milliseconds: no run takes this long

struct TimedEvent {
  cudaEvent_t event = nullptr;
  TimedEvent() { check(cudaEventCreate(&event), "making an event"); }
  ~TimedEvent() { static_cast<void>(cudaEventDestroy(event)); }
  TimedEvent(const TimedEvent&) = delete;
  TimedEvent& operator=(const TimedEvent&) = delete;
};

// The shortest of kTimings runs in milliseconds, after one run that is not counted. Stops early
// after a run that takes longer than `hopeless`.
template <class Run>
float time_of(cudaStream_t stream, float hopeless, const Run& run) {
  const TimedEvent begin, end;
  float best = 0;
  for (int i = 0; i <= kTimings; ++i) {
    check(cudaEventRecord(begin.event, stream), "recording an event");
    run();
    check(cudaEventRecord(end.event, stream), "recording an event");
    check(cudaEventSynchronize(end.event), "waiting for its work");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin.event, end.event), "reading its clock");
    if (i <= 1 || milliseconds < best) best = milliseconds;
    if (best > hopeless) break;
  }
  return best;
}

LibraryChoice fastest(Launcher& launcher, const Library& library, const LibraryTrial& trial) {
  LibraryChoice best;
  float best_time = time_of(launcher.stream(), kHopeless, trial.own);
  for (int v = 0; v < static_cast<int>(trial.variants.size()); ++v) {
    for (const lt::Algorithm& algorithm : library.algorithms(trial.variants[v])) {
      bool works = true;
      const float time = time_of(launcher.stream(), 4 * best_time, [&] {
        works = works && library.run(launcher, trial.variants[v], algorithm);
        if (works) trial.finish(v);
      });
      if (!works || time >= best_time) continue;
      best = {v, algorithm};
      best_time = time;
    }
  }
  return best;
}

}  // namespace

LibraryChoice choose(Launcher& launcher, const Library& library, const LibraryTrial& trial) {
  // Never destroyed, because devices are never destroyed.
  static auto* const mutex = new std::mutex;
  static auto* const choices = new std::map<std::vector<std::int64_t>, LibraryChoice>;
  std::vector<std::int64_t> key = {library.ordinal(), library.bfloat16() ? 1 : 0};
  key.insert(key.end(), trial.shape.begin(), trial.shape.end());
  {
    const std::lock_guard lock(*mutex);
    const auto known = choices->find(key);
    if (known != choices->end()) return known->second;
  }
  const LibraryChoice best = fastest(launcher, library, trial);
  const std::lock_guard lock(*mutex);
  return choices->emplace(key, best).first->second;
}

}  // namespace neurode::cuda
