// Stream capture, graphs and their replay.
#include <algorithm>
#include <cstdio>

#include "tools/cuda-emulator/stream.h"

using namespace neurode::emulator;

struct EmulatedGraphExec {
  std::vector<Node> nodes;
};

namespace neurode::emulator {

namespace {

struct Graphs {
  std::vector<std::unique_ptr<EmulatedGraph>> graphs;
  std::vector<std::unique_ptr<EmulatedGraphExec>> execs;
};

Graphs& graphs() {
  static Graphs& instance = *new Graphs;
  return instance;
}

thread_local cudaStreamCaptureMode thread_mode = cudaStreamCaptureModeGlobal;

template <class T>
bool lives(const std::vector<std::unique_ptr<T>>& all, const T* one) {
  return std::any_of(all.begin(), all.end(), [&](const auto& each) { return each.get() == one; });
}

}  // namespace

bool capturing(cudaStream_t stream) {
  const EmulatedStream* found = find_stream(stream);
  return found != nullptr && found->status == cudaStreamCaptureStatusActive;
}

cudaError_t enqueue(cudaStream_t handle, Node node) {
  if (const cudaError_t error = stream_error(handle)) return fail(error);
  EmulatedStream* stream = find_stream(handle);
  if (stream->status == cudaStreamCaptureStatusInvalidated)
    return fail(cudaErrorStreamCaptureInvalidated);
  if (stream->status == cudaStreamCaptureStatusActive) {
    stream->graph->nodes.push_back(std::move(node));
  } else {
    node();
  }
  return cudaSuccess;
}

cudaError_t forbidden_while_capturing() {
  const Lock lock(device_mutex());
  if (thread_mode == cudaStreamCaptureModeRelaxed) return cudaSuccess;
  bool forbidden = false;
  for (const auto& stream : streams()) {
    if (stream->status != cudaStreamCaptureStatusActive ||
        stream->mode == cudaStreamCaptureModeRelaxed)
      continue;
    const bool own = stream->thread == std::this_thread::get_id();
    if (!own && (stream->mode == cudaStreamCaptureModeThreadLocal ||
                 thread_mode != cudaStreamCaptureModeGlobal)) {
      continue;
    }
    stream->status = cudaStreamCaptureStatusInvalidated;
    forbidden = true;
  }
  return forbidden ? cudaErrorStreamCaptureUnsupported : cudaSuccess;
}

int report_graphs() {
  const std::size_t count = graphs().graphs.size(), execs = graphs().execs.size();
  if (count > 0) std::fprintf(stderr, "CUDA emulator: leak: %zu graphs\n", count);
  if (execs > 0) std::fprintf(stderr, "CUDA emulator: leak: %zu instantiated graphs\n", execs);
  return int(count + execs);
}

void forget_graphs() {
  graphs().graphs.clear();
  graphs().execs.clear();
}

}  // namespace neurode::emulator

cudaError_t cudaStreamBeginCapture(cudaStream_t handle, cudaStreamCaptureMode mode) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (const cudaError_t error = stream_error(handle)) return fail(error);
  EmulatedStream* stream = find_stream(handle);
  if (is_default(stream)) return fail(cudaErrorStreamCaptureUnsupported);
  if (stream->status != cudaStreamCaptureStatusNone) return fail(cudaErrorInvalidValue);
  stream->status = cudaStreamCaptureStatusActive;
  stream->mode = mode;
  stream->thread = std::this_thread::get_id();
  stream->graph = std::make_unique<EmulatedGraph>();
  return cudaSuccess;
}

cudaError_t cudaStreamEndCapture(cudaStream_t handle, cudaGraph_t* graph) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = stream_error(handle)) return fail(error);
  EmulatedStream* stream = find_stream(handle);
  if (graph == nullptr) return fail(cudaErrorInvalidValue);
  *graph = nullptr;
  if (stream->status == cudaStreamCaptureStatusNone) return fail(cudaErrorStreamCaptureUnmatched);
  if (stream->mode != cudaStreamCaptureModeRelaxed &&
      stream->thread != std::this_thread::get_id()) {
    return fail(cudaErrorStreamCaptureWrongThread);
  }
  const bool valid = stream->status == cudaStreamCaptureStatusActive;
  stream->status = cudaStreamCaptureStatusNone;
  std::unique_ptr<EmulatedGraph> captured = std::move(stream->graph);
  if (const cudaError_t error = device_error()) return fail(error);
  if (!valid) return fail(cudaErrorStreamCaptureInvalidated);
  *graph = graphs().graphs.emplace_back(std::move(captured)).get();
  return cudaSuccess;
}

cudaError_t cudaStreamIsCapturing(cudaStream_t handle, cudaStreamCaptureStatus* status) {
  const Lock lock(device_mutex());
  const EmulatedStream* stream = find_stream(handle);
  if (stream == nullptr) return fail(cudaErrorInvalidResourceHandle);
  if (status == nullptr) return fail(cudaErrorInvalidValue);
  *status = stream->status;
  return cudaSuccess;
}

cudaError_t cudaThreadExchangeStreamCaptureMode(cudaStreamCaptureMode* mode) {
  if (mode == nullptr) return fail(cudaErrorInvalidValue);
  std::swap(*mode, thread_mode);
  return cudaSuccess;
}

cudaError_t cudaGraphCreate(cudaGraph_t* graph, unsigned flags) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (graph == nullptr || flags != 0) return fail(cudaErrorInvalidValue);
  *graph = graphs().graphs.emplace_back(std::make_unique<EmulatedGraph>()).get();
  return cudaSuccess;
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph) {
  const Lock lock(device_mutex());
  if (!lives(graphs().graphs, graph)) return fail(cudaErrorInvalidValue);
  std::erase_if(graphs().graphs, [&](const auto& one) { return one.get() == graph; });
  return device_error();
}

cudaError_t cudaGraphGetNodes(cudaGraph_t graph, cudaGraphNode_t* nodes, std::size_t* count) {
  const Lock lock(device_mutex());
  if (!lives(graphs().graphs, graph) || count == nullptr) return fail(cudaErrorInvalidValue);
  // Only the number of nodes is supported.
  if (nodes != nullptr) return fail(cudaErrorNotSupported);
  *count = graph->nodes.size();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t* exec, cudaGraph_t graph, unsigned long long) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (exec == nullptr || !lives(graphs().graphs, graph)) return fail(cudaErrorInvalidValue);
  ++counters.instantiated;
  *exec =
      graphs()
          .execs.emplace_back(std::make_unique<EmulatedGraphExec>(EmulatedGraphExec{graph->nodes}))
          .get();
  return cudaSuccess;
}

cudaError_t cudaGraphInstantiateWithFlags(cudaGraphExec_t* exec, cudaGraph_t graph,
                                          unsigned long long flags) {
  return cudaGraphInstantiate(exec, graph, flags);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t exec) {
  const Lock lock(device_mutex());
  if (!lives(graphs().execs, exec)) return fail(cudaErrorInvalidValue);
  std::erase_if(graphs().execs, [&](const auto& one) { return one.get() == exec; });
  return device_error();
}

cudaError_t cudaGraphUpload(cudaGraphExec_t exec, cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  return lives(graphs().execs, exec) ? cudaSuccess : fail(cudaErrorInvalidValue);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t exec, cudaStream_t stream) {
  const Lock lock(device_mutex());
  if (const cudaError_t error = device_error()) return fail(error);
  if (!lives(graphs().execs, exec)) return fail(cudaErrorInvalidValue);
  if (const cudaError_t error = stream_error(stream)) return fail(error);
  if (!capturing(stream)) {
    ++counters.graphs;
    trace("graph", stream);
  }
  for (const Node& node : exec->nodes) {
    if (capturing(stream)) {
      enqueue(stream, node);
    } else if (!node()) {
      return fail(device_error());
    }
  }
  return cudaSuccess;
}
