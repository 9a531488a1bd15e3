// For tests: implements the functions of cuBLASLt that Neurode calls, on the emulator's memory.
// Loaded as libcublasLt.so.13 or libcublasLt.so.12.
//
// NEURODE_EMULATED_CUBLAS sets a mode. fail: products fail. slow: each product takes one second of
// the device's clock. plain: epilogues are not supported. old-driver: version 13 cannot create a
// handle. no-driver: version 12 cannot either. short: the first handle of each version fails for
// lack of memory.
//
// NEURODE_EMULATED_CUBLAS_REPORT=path: at exit, writes the numbers of calls there as JSON, if a
// handle was created.
#include <dlfcn.h>

#include <bit>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

namespace {

constexpr int kSuccess = 0, kNotInitialized = 1, kAllocationFailed = 3, kInvalid = 7, kFailed = 13,
              kUnsupported = 15;
constexpr int kBFloat16 = 14, kFastTf32 = 77, kRelu = 2, kBias = 4;

struct Desc {
  int compute, trans_a = 0, trans_b = 0, epilogue = 1, bias_type = 0;
  const float* bias = nullptr;
};
struct Layout {
  int type;
  std::uint64_t rows, columns;
  std::int64_t stride;
};
struct Preference {
  std::uint64_t workspace = 0;
};
struct Algorithm {
  std::uint64_t data[8];
};
struct Result {
  Algorithm algorithm;
  std::size_t workspace;
  int status;
  float waves;
  int reserved[4];
};

int starts = 0, handles = 0, heuristics = 0, products = 0, fused = 0;

bool mode(const char* name) {
  const char* const value = std::getenv("NEURODE_EMULATED_CUBLAS");
  return value != nullptr && std::strcmp(value, name) == 0;
}

// The version in the file name of this library: 13 or 12.
int version() {
  Dl_info info{};
  const bool known =
      dladdr(reinterpret_cast<const void*>(&version), &info) != 0 && info.dli_fname != nullptr;
  const char* const dot = known ? std::strrchr(info.dli_fname, '.') : nullptr;
  return dot == nullptr ? 0 : std::atoi(dot + 1);
}

struct Report {
  ~Report() {
    const char* const path = std::getenv("NEURODE_EMULATED_CUBLAS_REPORT");
    if (path == nullptr || starts == 0) return;
    if (std::FILE* const file = std::fopen(path, "w")) {
      std::fprintf(
          file, "{\"version\":%d,\"handles\":%d,\"heuristics\":%d,\"products\":%d,\"fused\":%d}\n",
          version(), handles, heuristics, products, fused);
      std::fclose(file);
    }
  }
} report;

float read(const void* data, int type, std::int64_t at, bool tf32) {
  if (type == kBFloat16) {
    return std::bit_cast<float>(std::uint32_t{static_cast<const std::uint16_t*>(data)[at]} << 16);
  }
  const float value = static_cast<const float*>(data)[at];
  if (!tf32) return value;
  return std::bit_cast<float>((std::bit_cast<std::uint32_t>(value) + 0x1000u) & ~0x1fffu);
}

void write(void* data, int type, std::int64_t at, float value) {
  if (type != kBFloat16) {
    static_cast<float*>(data)[at] = value;
    return;
  }
  const auto bits = std::bit_cast<std::uint32_t>(value);
  static_cast<std::uint16_t*>(data)[at] =
      value != value ? std::uint16_t{0x7fff}
                     : static_cast<std::uint16_t>((bits + 0x7fffu + (bits >> 16 & 1u)) >> 16);
}

struct Product {
  Desc desc;
  Layout a, b, d;
  const void *a_data, *b_data;
  void* d_data;
};

// Computes d (m, n) = op(a) (m, k) . op(b) (k, n); matrices are column-major.
void multiply(void* data) {
  const Product& p = *static_cast<const Product*>(data);
  const bool tf32 = p.desc.compute == kFastTf32;
  const std::int64_t m = p.d.rows, n = p.d.columns, k = p.desc.trans_a ? p.a.rows : p.a.columns;
  std::vector<float> a(m * k), b(n * k);
  for (std::int64_t i = 0; i < m; ++i) {
    for (std::int64_t l = 0; l < k; ++l)
      a[i * k + l] =
          read(p.a_data, p.a.type, p.desc.trans_a ? i * p.a.stride + l : l * p.a.stride + i, tf32);
  }
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t l = 0; l < k; ++l)
      b[j * k + l] =
          read(p.b_data, p.b.type, p.desc.trans_b ? l * p.b.stride + j : j * p.b.stride + l, tf32);
  }
  for (std::int64_t j = 0; j < n; ++j) {
    for (std::int64_t i = 0; i < m; ++i) {
      double sums[8] = {};
      for (std::int64_t l = 0; l < k; ++l) sums[l % 8] += double(a[i * k + l]) * b[j * k + l];
      double sum = 0;
      for (const double part : sums) sum += part;
      float value = static_cast<float>(sum);
      if (p.desc.epilogue & kBias) value += p.desc.bias[i];
      if ((p.desc.epilogue & kRelu) && value < 0) value = 0;
      write(p.d_data, p.d.type, j * p.d.stride + i, value);
    }
  }
}

using Enqueue = void (*)(void* stream, void (*run)(void*), const void* data, std::size_t bytes,
                         double nanoseconds);

Enqueue enqueue() {
  void* const emulator = dlopen(std::getenv("NEURODE_CUDA_LIBRARY"), RTLD_NOW | RTLD_NOLOAD);
  return emulator == nullptr ? nullptr
                             : reinterpret_cast<Enqueue>(dlsym(emulator, "emulator_enqueue"));
}

bool fits(const Desc& desc, const Layout& a, const Layout& b, const Layout& d) {
  const std::uint64_t m = desc.trans_a ? a.columns : a.rows, k = desc.trans_a ? a.rows : a.columns;
  const std::uint64_t k2 = desc.trans_b ? b.columns : b.rows, n = desc.trans_b ? b.rows : b.columns;
  const bool strides = a.stride >= std::int64_t(a.rows) && b.stride >= std::int64_t(b.rows) &&
                       d.stride >= std::int64_t(d.rows);
  return m == d.rows && n == d.columns && k == k2 && a.type == b.type && strides;
}

}  // namespace

#define NEURODE_EXPORT extern "C" __attribute__((visibility("default")))

NEURODE_EXPORT std::size_t cublasLtGetVersion() { return version() * 10000 + 1; }
NEURODE_EXPORT int cublasLtCreate(void** handle) {
  static int tries = 0;
  if (mode("no-driver") || (mode("old-driver") && version() == 13)) return kNotInitialized;
  if (mode("short") && ++tries == 1) return kAllocationFailed;
  ++starts;
  ++handles;
  *handle = new int(0);
  return kSuccess;
}
NEURODE_EXPORT int cublasLtDestroy(void* handle) {
  --handles;
  delete static_cast<int*>(handle);
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmulDescCreate(Desc** desc, int compute, int) {
  *desc = new Desc{compute};
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmulDescDestroy(Desc* desc) {
  delete desc;
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmulDescSetAttribute(Desc* desc, int attribute, const void* value,
                                                  std::size_t bytes) {
  void* const place = attribute == 3    ? static_cast<void*>(&desc->trans_a)
                      : attribute == 4  ? &desc->trans_b
                      : attribute == 7  ? &desc->epilogue
                      : attribute == 8  ? static_cast<void*>(&desc->bias)
                      : attribute == 26 ? &desc->bias_type
                                        : nullptr;
  if (place == nullptr || bytes != (attribute == 8 ? 8u : 4u)) return kInvalid;
  std::memcpy(place, value, bytes);
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatrixLayoutCreate(Layout** layout, int type, std::uint64_t rows,
                                              std::uint64_t columns, std::int64_t stride) {
  *layout = new Layout{type, rows, columns, stride};
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatrixLayoutDestroy(Layout* layout) {
  delete layout;
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmulPreferenceCreate(Preference** preference) {
  *preference = new Preference;
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmulPreferenceDestroy(Preference* preference) {
  delete preference;
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmulPreferenceSetAttribute(Preference* preference, int attribute,
                                                        const void* value, std::size_t bytes) {
  if (attribute != 1 || bytes != sizeof preference->workspace) return kInvalid;
  std::memcpy(&preference->workspace, value, bytes);
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmulAlgoGetHeuristic(void*, const Desc* desc, const Layout* a,
                                                  const Layout* b, const Layout*, const Layout* d,
                                                  const Preference*, int wanted, Result* results,
                                                  int* found) {
  ++heuristics;
  *found = 0;
  if (!fits(*desc, *a, *b, *d)) return kInvalid;
  if (mode("plain") && desc->epilogue != 1) return kUnsupported;
  for (; *found < 2 && *found < wanted; ++*found) {
    results[*found] = {};
    results[*found].algorithm.data[0] = 1 + static_cast<std::uint64_t>(*found);
  }
  return kSuccess;
}
NEURODE_EXPORT int cublasLtMatmul(void*, const Desc* desc, const void* alpha, const void* a,
                                  const Layout* a_layout, const void* b, const Layout* b_layout,
                                  const void* beta, const void*, const Layout*, void* d,
                                  const Layout* d_layout, const Algorithm* algorithm,
                                  void* workspace, std::size_t workspace_bytes, void* stream) {
  if (mode("fail")) return kFailed;
  // The heuristics were not given the alignment of operands, so they assume 256 bytes.
  for (const void* const operand : {a, b, static_cast<const void*>(d)}) {
    if (reinterpret_cast<std::uintptr_t>(operand) % 256 == 0) continue;
    std::fprintf(stderr, "cuBLASLt emulator: an operand is not aligned to 256 bytes\n");
    return kInvalid;
  }
  const bool sensible =
      fits(*desc, *a_layout, *b_layout, *d_layout) && *static_cast<const float*>(alpha) == 1 &&
      *static_cast<const float*>(beta) == 0 && algorithm->data[0] > 0 && workspace != nullptr &&
      workspace_bytes > 0 && (!(desc->epilogue & kBias) || desc->bias != nullptr);
  const Enqueue add = enqueue();
  if (!sensible || add == nullptr) return kInvalid;
  ++products;
  if (desc->epilogue != 1) ++fused;
  const Product product{*desc, *a_layout, *b_layout, *d_layout, a, b, d};
  add(stream, multiply, &product, sizeof product,
      mode("slow") ? 1e9 : static_cast<double>(algorithm->data[0]));
  return kSuccess;
}
