// A stream and what is being captured on it.
#pragma once

#include <memory>
#include <thread>
#include <vector>

#include "tools/cuda-emulator/state.h"

struct EmulatedGraph {
  std::vector<neurode::emulator::Node> nodes;
};

struct EmulatedStream {
  int number = 0;
  int device = 0;
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  cudaStreamCaptureMode mode = cudaStreamCaptureModeGlobal;
  std::thread::id thread;  // that began the capture
  std::unique_ptr<EmulatedGraph> graph;
};

namespace neurode::emulator {

// The stream of a handle, the default stream among them; nullptr when there is none.
EmulatedStream* find_stream(cudaStream_t handle);
bool is_default(const EmulatedStream* stream);
// All streams but the default one, which cannot be captured.
const std::vector<std::unique_ptr<EmulatedStream>>& streams();

}  // namespace neurode::emulator
