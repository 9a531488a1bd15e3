// Correct kernels, graphs and misuse, for which the emulator must give the right results; and the
// time of barriers.
#include <chrono>
#include <cstdio>
#include <vector>

#include "tools/cuda-emulator/tests/emulator_test.h"

namespace {

using neurode::emulator::dynamic_shared;
using neurode::emulator::launch;

template <int kThreads>
__device__ float block_sum(float value) {
  __shared__ float partial[kThreads];
  partial[threadIdx.x] = value;
  __syncthreads();
  for (int half = kThreads / 2; half > 0; half /= 2) {
    if (threadIdx.x < unsigned(half)) partial[threadIdx.x] += partial[threadIdx.x + half];
    __syncthreads();
  }
  return partial[0];
}

template <int kThreads>
__global__ void sum_kernel(const float* x, float* sums) {
  const float sum = block_sum<kThreads>(x[blockIdx.x * kThreads + threadIdx.x]);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void warp_sum_kernel(const float* x, float* sums) {
  __shared__ float partial[8];
  float sum = x[blockIdx.x * blockDim.x + threadIdx.x];
  for (int step = 16; step > 0; step /= 2) sum += __shfl_xor_sync(kAll, sum, step);
  if (threadIdx.x % 32 == 0) partial[threadIdx.x / 32] = sum;
  __syncthreads();
  if (threadIdx.x >= 32) return;
  sum = threadIdx.x < 8 ? partial[threadIdx.x] : 0;
  for (int step = 4; step > 0; step /= 2) sum += __shfl_down_sync(kAll, sum, step);
  if (threadIdx.x == 0) sums[blockIdx.x] = sum;
}

__global__ void transpose_kernel(const float* x, float* y, int rows, int columns) {
  float* tile = dynamic_shared<float>();  // (16, 17)
  const int column = int(blockIdx.x * 16 + threadIdx.x), row = int(blockIdx.y * 16 + threadIdx.y);
  if (row < rows && column < columns)
    tile[threadIdx.y * 17 + threadIdx.x] = x[row * columns + column];
  __syncthreads();
  const int to_column = int(blockIdx.y * 16 + threadIdx.x),
            to_row = int(blockIdx.x * 16 + threadIdx.y);
  if (to_row < columns && to_column < rows)
    y[to_row * rows + to_column] = tile[threadIdx.x * 17 + threadIdx.y];
}

__global__ void lanes_kernel(unsigned* out) {
  const unsigned lane = threadIdx.x % 32;
  out[threadIdx.x] = __ballot_sync(kAll, lane % 3 == 0);
  // The halves of a warp take different branches, each with its own mask.
  const unsigned half = lane < 16 ? 0xffffu : 0xffff0000u;
  unsigned value;
  if (lane < 16) {
    value = __shfl_sync(half, lane, 5);
  } else {
    value = __shfl_sync(half, lane, 3, 16);
  }
  __syncwarp();
  out[64 + threadIdx.x] = value * 100 + unsigned(__shfl_up_sync(kAll, int(lane), 1));
  out[128 + threadIdx.x] = unsigned(__any_sync(kAll, lane == 31) + 2 * __all_sync(kAll, lane < 31));
}

__global__ void histogram_kernel(const float* x, unsigned* bins, unsigned* last) {
  atomicAdd(&bins[unsigned(x[blockIdx.x * blockDim.x + threadIdx.x]) % 8], 1u);
  atomicMax(last, blockIdx.x * blockDim.x + threadIdx.x);
  atomicCAS(&bins[8], 0xffffffffu, 7u);
}

__global__ void scale_kernel(float* x, const float* by) { x[threadIdx.x] *= *by; }

void test_results() {
  constexpr int kBlocks = 5, kThreads = 256;
  const std::vector<float> x = ramp(kBlocks * kThreads);
  float* device = upload(x);
  float* sums = upload(std::vector<float>(kBlocks));
  for (int warps = 0; warps < 2; ++warps) {
    launch(warps ? warp_sum_kernel : sum_kernel<kThreads>, kBlocks, kThreads, 0, nullptr, device,
           sums);
    const auto got = download(sums, kBlocks);
    for (int b = 0; b < kBlocks; ++b) {
      float expected = 0;
      for (int i = 0; i < kThreads; ++i) expected += x[b * kThreads + i];
      CHECK_THAT(got[b] == expected, "sum %d of block %d: %g, not %g", warps, b, got[b], expected);
    }
  }
  constexpr int kRows = 37, kColumns = 29;
  float* y = upload(std::vector<float>(kRows * kColumns));
  launch(transpose_kernel, dim3(2, 3), dim3(16, 16), 16 * 17 * sizeof(float), nullptr, device, y,
         kRows, kColumns);
  const auto transposed = download(y, kRows * kColumns);
  for (int i = 0; i < kRows * kColumns; ++i)
    CHECK(transposed[i % kColumns * kRows + i / kColumns] == x[i]);

  unsigned* out = upload(std::vector<unsigned>(192));
  launch(lanes_kernel, 1, 64, 0, nullptr, out);
  const auto lanes = download(out, 192);
  for (unsigned t = 0; t < 64; ++t) {
    const unsigned lane = t % 32, before = lane == 0 ? 0 : lane - 1;
    CHECK(lanes[t] == 0x49249249u);
    CHECK(lanes[64 + t] == (lane < 16 ? 5u : 19u) * 100 + before);
    CHECK(lanes[128 + t] == 1);
  }
  unsigned* bins = upload(std::vector<unsigned>{0, 0, 0, 0, 0, 0, 0, 0, 0xffffffffu, 0});
  launch(histogram_kernel, kBlocks, kThreads, 0, nullptr, device, bins, bins + 9);
  const auto counts = download(bins, 10);
  unsigned total = 0;
  for (int i = 0; i < 8; ++i) total += counts[i];
  CHECK(total == kBlocks * kThreads && counts[8] == 7 && counts[9] == kBlocks * kThreads - 1);
  for (void* memory : {(void*)device, (void*)sums, (void*)y, (void*)out, (void*)bins})
    CUDA(cudaFree(memory));
}

void test_graphs() {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t exec;
  CUDA(cudaStreamCreateWithFlags(&stream, cudaStreamNonBlocking));
  float* x = upload(std::vector<float>(32, 0.5f));
  float* by = upload(std::vector<float>{2.0f});
  // The first launches load the kernels.
  launch(add_kernel, 1, 32, 0, stream, x, 0.0f);
  launch(scale_kernel, 1, 32, 0, stream, x, by);
  const auto before = emulator_kernel_launches();
  CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeThreadLocal));
  for (int i = 0; i < 2; ++i) launch(add_kernel, 1, 32, 0, stream, x, float(i + 1));
  launch(scale_kernel, 1, 32, 0, stream, x, by);
  CHECK(emulator_kernel_launches() == before);
  CUDA(cudaStreamEndCapture(stream, &graph));
  CUDA(cudaGraphInstantiate(&exec, graph, 0));
  CUDA(cudaGraphDestroy(graph));
  float expected = 1;
  for (int i = 0; i < 5; ++i) {
    CUDA(cudaGraphLaunch(exec, stream));
    expected = (expected + 3) * 2;
  }
  CUDA(cudaStreamSynchronize(stream));
  for (const float value : download(x, 32)) CHECK(value == expected);
  CHECK(emulator_kernel_launches() == before + 15);
  CHECK(emulator_graph_launches() == 5);

  // To wait for a captured stream ends the capture.
  CUDA(cudaStreamBeginCapture(stream, cudaStreamCaptureModeGlobal));
  CHECK(cudaStreamSynchronize(stream) == cudaErrorStreamCaptureUnsupported);
  CHECK(cudaStreamEndCapture(stream, &graph) == cudaErrorStreamCaptureInvalidated);
  CUDA(cudaGraphExecDestroy(exec));
  CUDA(cudaStreamDestroy(stream));
  CUDA(cudaFree(x));
  CUDA(cudaFree(by));
}

void test_misuse() {
  float host[4] = {};
  float* x = upload(std::vector<float>(4));
  CHECK(cudaMemcpy(x, host, 5 * sizeof(float), cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(x + 2, host, 3 * sizeof(float), cudaMemcpyHostToDevice) ==
        cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, x, sizeof host, cudaMemcpyHostToDevice) == cudaErrorInvalidValue);
  CHECK(cudaMemcpy(host, x, sizeof host, cudaMemcpyKind(7)) == cudaErrorInvalidMemcpyDirection);
  CHECK(cudaMemset(x, 0, 17) == cudaErrorInvalidValue);
  CHECK(cudaGetLastError() == cudaErrorInvalidValue && cudaGetLastError() == cudaSuccess);
  const auto error_of = [&](dim3 grid, dim3 block, std::size_t shared) {
    launch(add_kernel, grid, block, shared, nullptr, x, 1.0f);
    return cudaGetLastError();
  };
  CHECK(error_of(0, 4, 0) == cudaErrorInvalidConfiguration);
  CHECK(error_of(dim3(1, 65536), 4, 0) == cudaErrorInvalidConfiguration);
  CHECK(error_of(1, 1025, 0) == cudaErrorInvalidConfiguration);
  CHECK(error_of(1, dim3(1, 1, 65), 0) == cudaErrorInvalidConfiguration);
  CHECK(error_of(1, 4, 49153) == cudaErrorInvalidValue);
  CUDA(cudaFuncSetAttribute(add_kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, 65536));
  CHECK(error_of(1, 4, 65536) == cudaSuccess);
  std::size_t free = 0, total = 0;
  CUDA(cudaMemGetInfo(&free, &total));
  CHECK(total - free == 4 * sizeof(float));
  float* too_much = nullptr;
  CHECK(cudaMalloc(&too_much, free + 1) == cudaErrorMemoryAllocation && too_much == nullptr);
  CHECK(cudaGetLastError() == cudaErrorMemoryAllocation);
  CUDA(cudaFree(x));
}

__global__ void barriers_kernel(int count) {
  for (int i = 0; i < count; ++i) __syncthreads();
}
__global__ void shuffles_kernel(float* x, int count) {
  float sum = 1;
  for (int i = 0; i < count; ++i) sum = __shfl_xor_sync(kAll, sum, 1);
  x[threadIdx.x] = sum;
}

template <class Run>
void measure(const char* what, double events, Run run) {
  run();
  const auto start = std::chrono::steady_clock::now();
  run();
  const std::chrono::duration<double, std::nano> elapsed = std::chrono::steady_clock::now() - start;
  std::printf("%-32s %8.1f ns\n", what, elapsed.count() / events);
}

}  // namespace

void test_correct_kernels() {
  test_results();
  test_graphs();
  test_misuse();
  CHECK(emulator_report() == 0);
}

void benchmark() {
  float* x = upload(std::vector<float>(1024));
  for (const int threads : {32, 256, 1024}) {
    std::printf("%d threads\n", threads);
    measure("barrier, per thread", 1000.0 * threads,
            [&] { launch(barriers_kernel, 1, threads, 0, nullptr, 1000); });
    measure("shuffle, per thread", 1000.0 * threads,
            [&] { launch(shuffles_kernel, 1, threads, 0, nullptr, x, 1000); });
    measure("kernel, per thread", 1000.0 * threads,
            [&] { launch(add_kernel, 1000, threads, 0, nullptr, x, 1.0f); });
  }
  cudaFree(x);
}
