// Tests of the CUDA emulator: correct kernels give right results, and every planted defect is
// caught. Usage: emulator_test [bench]; each case runs in a child process, since the environment is
// read once.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "test/cuda-emulator/cuda_emulator.h"
#include "test/native/check.h"

namespace {

using neurode::emulator::dynamic_shared;
using neurode::emulator::launch;

constexpr unsigned kAll = 0xffffffffu;
constexpr int kDefect = 3;  // exit status of a child whose runtime reported an error

#define CUDA(call) \
  CHECK_THAT((call) == cudaSuccess, "%s: %s", #call, cudaGetErrorName(cudaPeekAtLastError()))

// Device memory that holds `values`, and back.
template <class T>
T* upload(const std::vector<T>& values) {
  T* device = nullptr;
  CUDA(cudaMalloc(&device, values.size() * sizeof(T)));
  CUDA(cudaMemcpy(device, values.data(), values.size() * sizeof(T), cudaMemcpyHostToDevice));
  return device;
}
template <class T>
std::vector<T> download(const T* device, std::size_t count) {
  std::vector<T> values(count);
  CUDA(cudaMemcpy(values.data(), device, count * sizeof(T), cudaMemcpyDeviceToHost));
  return values;
}
std::vector<float> ramp(int count) {
  std::vector<float> values(count);
  for (int i = 0; i < count; ++i) values[i] = float(i % 97);
  return values;
}

// --------------------------------------------------------------------------------------------
// correct kernels

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
  // Halves of a warp go different ways, each with its own mask.
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

__global__ void add_kernel(float* x, float by) { x[threadIdx.x] += by; }
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
  float* x = upload(std::vector<float>(32, 1.0f));
  float* by = upload(std::vector<float>{2.0f});
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

  // Waiting ends a capture.
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

void correct() {
  test_results();
  test_graphs();
  test_misuse();
  CHECK(emulator_report() == 0);
}

// --------------------------------------------------------------------------------------------
// planted defects

__global__ void past_end_kernel(float* x) { x[threadIdx.x + 1] = 1; }
__global__ void before_start_kernel(float* x) { x[int(threadIdx.x) - 1] = 1; }
__global__ void read_past_end_kernel(const float* x, float* y) {
  y[threadIdx.x] = x[threadIdx.x + 1];
}
__global__ void past_shared_kernel(float* x) {
  dynamic_shared<float>()[threadIdx.x + 1] = 1;
  __syncthreads();
  x[threadIdx.x] = dynamic_shared<float>()[threadIdx.x];
}

__global__ void missing_barrier_kernel(float* x) {
  __shared__ float tile[32];
  tile[threadIdx.x] = float(threadIdx.x);
  x[threadIdx.x] = tile[31 - threadIdx.x];
}
__global__ void missing_second_barrier_kernel(float* x) {
  __shared__ float tile[32];
  float sum = 0;
  for (int step = 1; step < 4; ++step) {
    tile[threadIdx.x] = float(step * threadIdx.x);
    __syncthreads();
    sum += tile[31 - threadIdx.x];
  }
  x[threadIdx.x] = sum;
}
__global__ void divergent_return_kernel(float* x) {
  if (threadIdx.x == 5) return;
  __syncthreads();
  x[threadIdx.x] = 1;
}
__global__ void divergent_branch_kernel(float* x) {
  if (threadIdx.x < 16) {
    __syncthreads();
    x[threadIdx.x] = 1;
  } else {
    __syncthreads();
  }
}
__global__ void wrong_mask_kernel(float* x) {
  if (threadIdx.x < 16) x[threadIdx.x] = __shfl_xor_sync(kAll, 1.0f, 1);
}
__global__ void outside_mask_kernel(float* x) {
  x[threadIdx.x] = __shfl_xor_sync(0xffffu, 1.0f, 1);
}

// Runs a kernel on 32 floats of their own; exits with kDefect when the runtime reports an error.
template <class... Params>
std::vector<float> run_on_floats(void (*kernel)(Params...), std::size_t shared_bytes = 0) {
  float* x = nullptr;
  CUDA(cudaMalloc(&x, 32 * sizeof(float)));
  float* y = upload(std::vector<float>(32));
  if constexpr (sizeof...(Params) == 1) {
    launch(kernel, 1, 32, shared_bytes, nullptr, x);
  } else {
    launch(kernel, 1, 32, shared_bytes, nullptr, x, y);
  }
  if (cudaDeviceSynchronize() != cudaSuccess) _exit(kDefect);
  std::vector<float> result = download(sizeof...(Params) == 1 ? x : y, 32);
  cudaFree(x);
  cudaFree(y);
  return result;
}

template <auto kKernel, int kSharedBytes = 0>
void defect() {
  run_on_floats(kKernel, kSharedBytes);
}
// Wrong results are what a test of the kernel would see.
void missing_barrier() {
  const auto got = run_on_floats(missing_barrier_kernel);
  for (int i = 0; i < 32; ++i) {
    if (std::isnan(got[i])) _exit(kDefect);
  }
}
void missing_second_barrier() {
  const auto got = run_on_floats(missing_second_barrier_kernel);
  for (int i = 0; i < 32; ++i) {
    if (got[i] != float(6 * (31 - i))) _exit(kDefect);
  }
}
void uninitialised_read() {
  float* x = nullptr;
  CUDA(cudaMalloc(&x, 4));
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
  if (std::isnan(download(x, 1)[0])) _exit(kDefect);
}
void double_free() {
  float* x = upload(std::vector<float>(4));
  CUDA(cudaFree(x));
  if (cudaFree(x) != cudaSuccess) _exit(kDefect);
}
void leak() {
  upload(std::vector<float>(25));
  if (emulator_report() > 0) _exit(kDefect);
}
void strict_leak() {
  upload(std::vector<float>(25));
  std::exit(0);
}
void use_after_free() {
  float* x = upload(std::vector<float>(4));
  CUDA(cudaFree(x));
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
}
void no_driver() {
  int count = -1, version = -1;
  if (cudaGetDeviceCount(&count) == cudaErrorInsufficientDriver && count == 0 &&
      cudaDriverGetVersion(&version) == cudaSuccess && version == 0) {
    _exit(kDefect);
  }
}
void out_of_memory() {
  float* x = nullptr;
  CUDA(cudaMalloc(&x, 600 << 10));
  if (cudaMalloc(&x, 600 << 10) == cudaErrorMemoryAllocation) _exit(kDefect);
}
void sticky() {
  float* x = upload(std::vector<float>(1));
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
  if (cudaPeekAtLastError() != cudaSuccess) return;
  launch(add_kernel, 1, 1, 0, nullptr, x, 1.0f);
  if (cudaGetLastError() == cudaErrorIllegalAddress && cudaFree(x) == cudaErrorIllegalAddress)
    _exit(kDefect);
}

struct Case {
  const char* name;
  void (*run)();
  std::vector<const char*> environment;
  int status;
  const char* says;  // part of what it prints
};

const Case kCases[] = {
    {"correct kernels", correct, {}, 0, ""},
    {"correct kernels in another order", correct, {"NEURODE_EMULATOR_SEED=7"}, 0, ""},
    {"correct kernels with guarded ends", correct, {"NEURODE_EMULATOR_GUARD=1"}, 0, ""},
    {"correct kernels with guarded starts", correct, {"NEURODE_EMULATOR_GUARD=2"}, 0, ""},
    {"write past the end",
     defect<past_end_kernel>,
     {},
     kDefect,
     "past_end_kernel: a write at byte 128 of a device allocation of 128 bytes"},
    {"write before the start",
     defect<before_start_kernel>,
     {},
     kDefect,
     "a write at byte -4 of a device"},
    {"write past the end, guarded",
     defect<past_end_kernel>,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "past_end_kernel, block (0, 0, 0), thread (31, 0, 0): access to"},
    {"write before the start, guarded",
     defect<before_start_kernel>,
     {"NEURODE_EMULATOR_GUARD=2"},
     86,
     "byte -4 of a device allocation of 128 bytes"},
    {"read past the end, guarded",
     defect<read_past_end_kernel>,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "byte 128 of a device allocation of 128 bytes"},
    {"write past shared memory",
     defect<past_shared_kernel, 128>,
     {},
     kDefect,
     "past the end of its dynamic shared"},
    {"write past shared memory, guarded",
     defect<past_shared_kernel, 128>,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "past the end of the dynamic shared memory"},
    {"use after free, guarded",
     use_after_free,
     {"NEURODE_EMULATOR_GUARD=1"},
     86,
     "a freed device allocation"},
    {"missing barrier", missing_barrier, {}, kDefect, ""},
    {"missing second barrier", missing_second_barrier, {}, kDefect, ""},
    {"missing barrier, another order", missing_barrier, {"NEURODE_EMULATOR_SEED=2"}, kDefect, ""},
    {"return before a barrier",
     defect<divergent_return_kernel>,
     {},
     kDefect,
     "thread (5, 0, 0) has returned"},
    {"different barriers",
     defect<divergent_branch_kernel>,
     {},
     kDefect,
     "divergent barrier: thread ("},
    {"mask with lanes elsewhere", defect<wrong_mask_kernel>, {}, 0, ""},
    {"lane outside its mask", defect<outside_mask_kernel>, {}, kDefect, "with mask 0x0000ffff"},
    {"uninitialised read", uninitialised_read, {}, kDefect, ""},
    {"double free", double_free, {}, kDefect, "freed twice?"},
    {"leak", leak, {}, kDefect, "leak: 100 bytes of device memory"},
    {"leak at exit",
     strict_leak,
     {"NEURODE_EMULATOR_STRICT=1"},
     86,
     "leak: 100 bytes of device memory"},
    {"no driver", no_driver, {"NEURODE_EMULATOR_DRIVER=none"}, kDefect, ""},
    {"out of memory", out_of_memory, {"NEURODE_EMULATOR_MEMORY=1M"}, kDefect, ""},
    {"sticky error",
     sticky,
     {"NEURODE_EMULATOR_FAIL=2"},
     kDefect,
     "fails by NEURODE_EMULATOR_FAIL"},
};

// Returns the child's exit status, or -1 when a signal ended it; `output` is what it printed.
int run_in_child(const Case& test, std::string& output) {
  int ends[2];
  if (pipe(ends) != 0) return -1;
  const pid_t child = fork();
  if (child == 0) {
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

// ----------------------------------------------------------------------------------------------------
// bench

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

void bench() {
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

}  // namespace

int main(int argc, char** argv) {
  if (argc > 1 && std::strcmp(argv[1], "bench") == 0) {
    bench();
    return 0;
  }
  for (const Case& test : kCases) {
    std::string output;
    const int status = run_in_child(test, output);
    const bool says = output.find(test.says) != std::string::npos;
    if (status == test.status && says) continue;
    CHECK_THAT(false, "%s: status %d, not %d%s; it prints:", test.name, status, test.status,
               says ? "" : " and not the expected text");
    std::fprintf(stderr, "%s\n", output.c_str());
  }
  return neurode::check_result();
}
