// A stream and its capture.
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
  std::thread::id thread;  // the thread that began the capture
  std::unique_ptr<EmulatedGraph> graph;
};

namespace neurode::emulator {

// The stream of a handle, which may be the default stream; nullptr if there is none.
EmulatedStream* find_stream(cudaStream_t handle);
bool is_default(const EmulatedStream* stream);
// All streams except the default stream, which cannot be captured.
const std::vector<std::unique_ptr<EmulatedStream>>& streams();

}  // namespace neurode::emulator
