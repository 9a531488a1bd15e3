// Streams, events and the work that is enqueued on them: copies, fills, host functions.
#include "tools/cuda-emulator/stream.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>

using namespace neurode::emulator;

struct EmulatedEvent {
  int device = 0;
  bool timed = true;
  bool recorded = false;
  bool captured = false;  // whether its last record is part of a graph
  double at = 0;          // time of the device's clock
};

namespace neurode::emulator {

namespace {

struct Handles {
  EmulatedStream default_streams[kMostDevices];
  std::vector<std::unique_ptr<EmulatedStream>> streams;
  std::vector<std::unique_ptr<EmulatedEvent>> events;
};

Handles& handles() {
  static Handles& instance = *[] {
    auto* const handles = new Handles;
    for (int i = 0; i < kMostDevices; ++i) handles->default_streams[i].device = i;
    return handles;
  }();
  return instance;
}

EmulatedEvent* find_event(cudaEvent_t handle) {
  for (const auto& event : handles().events) {
    if (event.get() == handle) return handle;
  }
  return nullptr;
}

// The error of using an event now: the event does not exist, or belongs to another device than the
// current one.
cudaError_t event_error(cudaEvent_t handle) {
  const EmulatedEvent* event = find_event(handle);
  const bool usable = event != nullptr && !is_foreign(event->device, "an event");
  return usable ? cudaSuccess : cudaErrorInvalidResourceHandle;
}

// A copy of `rows` rows of `width` bytes each.
struct Copy {
  char* to;
  std::size_t to_pitch;
  const char* from;
  std::size_t from_pitch, width, rows;
  cudaMemcpyKind kind;

  static std::size_t span(std::size_t pitch, std::size_t width, std::size_t rows) {
    return rows == 0 || width == 0 ? 0 : pitch * (rows - 1) + width;
  }

  cudaError_t check() const {
    if (kind < cudaMemcpyHostToHost || kind > cudaMemcpyDefault)
      return cudaErrorInvalidMemcpyDirection;
    if (to_pitch < width || from_pitch < width) return cudaErrorInvalidValue;
    char* begin = nullptr;
    const auto on_device = [&](const void* pointer) {
      const Allocation* allocation = find_allocation(pointer, &begin);
      return allocation != nullptr && allocation->device;
    };
    const bool known = kind != cudaMemcpyDefault;
    const bool to_device =
        known ? kind == cudaMemcpyHostToDevice || kind == cudaMemcpyDeviceToDevice : on_device(to);
    const bool from_device =
        known ? kind == cudaMemcpyDeviceToHost || kind == cudaMemcpyDeviceToDevice
              : on_device(from);
    const bool fits = accessible(to, span(to_pitch, width, rows), to_device) &&
                      accessible(from, span(from_pitch, width, rows), from_device);
    return fits ? cudaSuccess : cudaErrorInvalidValue;
  }

  bool run() const {
    if (check() != cudaSuccess) {
      fault(cudaErrorIllegalAddress, "a copy in a graph reaches memory that has been freed");
      return false;
    }
    ++counters.copies;
    counters.copied_bytes += width * rows;
    for (std::size_t row = 0; row < rows && width > 0; ++row) {
      std::memmove(to + row * to_pitch, from + row * from_pitch, width);
    }
    return true;
  }
};

const char* name_of(cudaMemcpyKind kind) {
  static constexpr const char* names[] = {"copy", "upload", "download", "copy", "copy"};
  return names[kind];
}

cudaError_t copy_call(const Copy& copy, cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (const cudaError_t error = copy.check()) return fail(error);
  trace(name_of(copy.kind), stream, copy.width * copy.rows);
  return enqueue(stream, [copy] { return copy.run(); });
}

cudaError_t fill_call(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (!accessible(to, bytes, true)) return fail(cudaErrorInvalidValue);
  return enqueue(stream, [=] {
    if (!accessible(to, bytes, true)) {
      fault(cudaErrorIllegalAddress, "a fill in a graph reaches memory that has been freed");
      return false;
    }
    if (bytes > 0) std::memset(to, value, bytes);
    return true;
  });
}

}  // namespace

EmulatedStream* find_stream(cudaStream_t handle) {
  // The runtime uses 1 and 2 for the legacy default stream and the per-thread default stream.
  if (reinterpret_cast<std::uintptr_t>(handle) <= 2)
    return &handles().default_streams[current_device()];
  for (const auto& stream : handles().streams) {
    if (stream.get() == handle) return handle;
  }
  return nullptr;
}

bool is_default(const EmulatedStream* stream) {
  return stream >= handles().default_streams && stream < handles().default_streams + kMostDevices;
}

const std::vector<std::unique_ptr<EmulatedStream>>& streams() { return handles().streams; }

int stream_number(cudaStream_t handle) {
  const EmulatedStream* stream = find_stream(handle);
  return stream == nullptr ? -1 : stream->number;
}

void trace(const char* what, cudaStream_t stream, unsigned long long bytes) {
  static std::FILE* const file = [] {
    const char* const path = std::getenv("NEURODE_EMULATOR_TRACE");
    return path == nullptr || *path == 0 ? nullptr : std::fopen(path, "w");
  }();
  if (file == nullptr) return;
  std::fprintf(file, "%s %d %llu\n", what, stream_number(stream), bytes);
  std::fflush(file);
}

cudaError_t stream_error(cudaStream_t handle) {
  const EmulatedStream* stream = find_stream(handle);
  const bool usable = stream != nullptr && !is_foreign(stream->device, "a stream");
  return usable ? cudaSuccess : cudaErrorInvalidResourceHandle;
}

int report_handles() {
  const std::size_t count = handles().streams.size(), events = handles().events.size();
  if (count > 0) std::fprintf(stderr, "CUDA emulator: leak: %zu streams\n", count);
  if (events > 0) std::fprintf(stderr, "CUDA emulator: leak: %zu events\n", events);
  return int(count + events);
}

void forget_handles() {
  handles().streams.clear();
  handles().events.clear();
}

}  // namespace neurode::emulator

// ------------------------------------------------------------ copies and calls

cudaError_t cudaMemcpyAsync(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind,
                            cudaStream_t stream) {
  return copy_call(
      {static_cast<char*>(to), bytes, static_cast<const char*>(from), bytes, bytes, 1, kind},
      stream);
}

cudaError_t cudaMemcpy(void* to, const void* from, std::size_t bytes, cudaMemcpyKind kind) {
  if (const cudaError_t error = forbidden_while_capturing()) return fail(error);
  return cudaMemcpyAsync(to, from, bytes, kind, nullptr);
}

cudaError_t cudaMemcpy2DAsync(void* to, std::size_t to_pitch, const void* from,
                              std::size_t from_pitch, std::size_t width, std::size_t height,
                              cudaMemcpyKind kind, cudaStream_t stream) {
  return copy_call({static_cast<char*>(to), to_pitch, static_cast<const char*>(from), from_pitch,
                    width, height, kind},
                   stream);
}

cudaError_t cudaMemsetAsync(void* to, int value, std::size_t bytes, cudaStream_t stream) {
  return fill_call(to, value, bytes, stream);
}

cudaError_t cudaMemset(void* to, int value, std::size_t bytes) {
  if (const cudaError_t error = forbidden_while_capturing()) return fail(error);
  return fill_call(to, value, bytes, nullptr);
}

cudaError_t cudaLaunchHostFunc(cudaStream_t stream, cudaHostFn_t function, void* data) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (function == nullptr) return fail(cudaErrorInvalidValue);
  return enqueue(stream, [=] {
    function(data);
    return true;
  });
}

// ------------------------------------------------------------ streams and events

cudaError_t cudaStreamCreate(cudaStream_t* stream) { return cudaStreamCreateWithFlags(stream, 0); }

cudaError_t cudaStreamCreateWithPriority(cudaStream_t* stream, unsigned flags, int) {
  return cudaStreamCreateWithFlags(stream, flags);
}

cudaError_t cudaStreamCreateWithFlags(cudaStream_t* stream, unsigned flags) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (stream == nullptr || flags > cudaStreamNonBlocking) return fail(cudaErrorInvalidValue);
  *stream = handles().streams.emplace_back(std::make_unique<EmulatedStream>()).get();
  static int streams = 0;
  (*stream)->number = ++streams;
  (*stream)->device = current_device();
  return cudaSuccess;
}

cudaError_t cudaStreamDestroy(cudaStream_t stream) {
  const Lock lock(device_mutex());
  const auto found = find_stream(stream);
  if (found == nullptr || is_default(found)) return fail(cudaErrorInvalidResourceHandle);
  is_foreign(found->device, "a stream");
  std::erase_if(handles().streams, [&](const auto& one) { return one.get() == found; });
  return device_error();
}

// All enqueued work has already run, so only errors remain to be checked.
static cudaError_t synchronize() {
  if (const cudaError_t error = forbidden_while_capturing()) return fail(error);
  if (device_error() == cudaSuccess) check_guards("synchronisation");
  const cudaError_t error = device_error();
  return error == cudaSuccess ? error : fail(error);
}

cudaError_t cudaDeviceSynchronize() {
  const Lock lock(device_mutex());
  return synchronize();
}

cudaError_t cudaStreamSynchronize(cudaStream_t stream) {
  const Lock lock(device_mutex());
  const cudaError_t error = stream_error(stream);
  return error == cudaSuccess ? synchronize() : fail(error);
}

cudaError_t cudaStreamQuery(cudaStream_t stream) { return cudaStreamSynchronize(stream); }

cudaError_t cudaStreamWaitEvent(cudaStream_t stream, cudaEvent_t event, unsigned) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  if (const cudaError_t error = event_error(event)) return fail(error);
  trace("wait", stream);
  // To wait for an event of another capture would fork or join streams, which the emulator cannot
  // record.
  return find_event(event)->captured && !capturing(stream) ? fail(cudaErrorStreamCaptureUnsupported)
                                                           : cudaSuccess;
}

cudaError_t cudaEventCreate(cudaEvent_t* event) {
  return cudaEventCreateWithFlags(event, cudaEventDefault);
}

cudaError_t cudaEventCreateWithFlags(cudaEvent_t* event, unsigned flags) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (event == nullptr) return fail(cudaErrorInvalidValue);
  *event = handles().events.emplace_back(std::make_unique<EmulatedEvent>()).get();
  (*event)->device = current_device();
  (*event)->timed = (flags & cudaEventDisableTiming) == 0;
  return cudaSuccess;
}

cudaError_t cudaEventDestroy(cudaEvent_t event) {
  const Lock lock(device_mutex());
  if (find_event(event) == nullptr) return fail(cudaErrorInvalidResourceHandle);
  is_foreign(event->device, "an event");
  std::erase_if(handles().events, [&](const auto& one) { return one.get() == event; });
  return device_error();
}

cudaError_t cudaEventRecord(cudaEvent_t event, cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (const cudaError_t error = event_error(event)) return fail(error);
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  EmulatedEvent* found = find_event(event);
  found->captured = capturing(stream);
  found->recorded = !found->captured;
  found->at = counters.clock;
  return cudaSuccess;
}

cudaError_t cudaEventSynchronize(cudaEvent_t event) {
  const Lock lock(device_mutex());
  const cudaError_t error = event_error(event);
  return error == cudaSuccess ? synchronize() : fail(error);
}

cudaError_t cudaEventQuery(cudaEvent_t event) { return cudaEventSynchronize(event); }

cudaError_t cudaEventElapsedTime(float* milliseconds, cudaEvent_t start, cudaEvent_t stop) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (milliseconds == nullptr) return fail(cudaErrorInvalidValue);
  const EmulatedEvent *first = find_event(start), *last = find_event(stop);
  for (const EmulatedEvent* event : {first, last}) {
    if (event == nullptr || !event->timed || !event->recorded)
      return fail(cudaErrorInvalidResourceHandle);
  }
  *milliseconds = static_cast<float>((last->at - first->at) / 1e6);
  return cudaSuccess;
}
