// Products of wide layers by cuBLASLt.
#include <algorithm>
#include <map>
#include <mutex>
#include <vector>

#include "cuda/wide/finish_products.h"
#include "cuda/wide/library_products.h"

namespace neurode::cuda {
namespace {

constexpr int kMostAlgorithms = 8;  // timed for each variant
constexpr int kTimings = 3;
constexpr int kOwn = -1;
constexpr float kHopeless = 1e30f;  // never
constexpr std::int64_t kMostBlocks = 65535;

// Sums that the library left, of floats or of bfloat16s.
struct Sums {
  const float* floats;
  const BFloat16* rounded;
  int stride;
};

template <class Product>
__global__ __launch_bounds__(kThreads) void finish_kernel(Product p, Sums sums, int columns) {
  const int pairs = (columns + 1) / 2;
  const std::int64_t all = static_cast<std::int64_t>(p.rows) * pairs;
  for (std::int64_t i = blockIdx.x * static_cast<std::int64_t>(kThreads) + threadIdx.x; i < all;
       i += static_cast<std::int64_t>(gridDim.x) * kThreads) {
    const int row = static_cast<int>(i / pairs), column = static_cast<int>(i % pairs) * 2;
    const std::int64_t at = row * static_cast<std::int64_t>(sums.stride) + column;
    // Rows are padded to an even number: a pair can always be read.
    if (sums.floats != nullptr) {
      const float2 pair = *reinterpret_cast<const float2*>(sums.floats + at);
      finish_pair(p, row, column, pair.x, pair.y);
    } else {
      const std::uint32_t pair = *reinterpret_cast<const std::uint32_t*>(sums.rounded + at);
      finish_pair(p, row, column, from_bfloat16(static_cast<BFloat16>(pair & 0xffffu)),
                  from_bfloat16(static_cast<BFloat16>(pair >> 16)));
    }
  }
}

template <class E>
__global__ __launch_bounds__(kThreads) void update_kernel(WeightsProduct p, const float* gradients,
                                                          int weight_blocks) {
  const float rate = p.state->learning_rates[p.state->index];
  const int block = static_cast<int>(blockIdx.x);
  if (block >= weight_blocks) {
    finish_bias<E>(p, rate, (block - weight_blocks) * kBiasUnits);
    return;
  }
  const int quads = (p.units + 3) / 4;
  const std::int64_t all = static_cast<std::int64_t>(p.inputs) * quads;
  for (std::int64_t i = block * static_cast<std::int64_t>(kThreads) + threadIdx.x; i < all;
       i += static_cast<std::int64_t>(weight_blocks) * kThreads) {
    const int input = static_cast<int>(i / quads), unit = static_cast<int>(i % quads) * 4;
    // Rows are padded to four.
    const float4 v = *reinterpret_cast<const float4*>(
        gradients + input * static_cast<std::int64_t>(p.kernel_stride) + unit);
    const float four[] = {v.x, v.y, v.z, v.w};
    finish_weights(p, rate, input, unit, 4, four);
  }
}

unsigned blocks_for(std::int64_t elements) {
  return static_cast<unsigned>(std::min(kMostBlocks, (elements + kThreads - 1) / kThreads));
}

}  // namespace

// d (n, m) = b (n, k) . a (k, m), all row-major: to the library, which counts by columns, the
// matrices are transposed. `transposed_a`: a is stored as (m, k); `transposed_b`: b as (k, n).
struct LibraryProducts::Matmul {
  int m, n, k;
  Matrix a, b;
  bool transposed_a, transposed_b;
  void* d;
  std::int64_t stride;
  bool bfloat16;  // of d
  int epilogue = lt::kDefault;
  const float* bias = nullptr;
};

struct LibraryProducts::Candidate {
  int variant;
  lt::Algorithm algorithm;
};

struct LibraryProducts::Choice {
  int variant = kOwn;
  lt::Algorithm algorithm{};
};

namespace {

// What a call of the library takes, destroyed with it.
class Call {
 public:
  template <class Matmul>
  Call(const Matmul& p, bool bfloat16) {
    const int type = bfloat16 ? lt::kBFloat16 : lt::kFloat32;
    const int op_a = p.transposed_a ? lt::kTransposed : lt::kNone;
    const int op_b = p.transposed_b ? lt::kTransposed : lt::kNone;
    ok_ = made(lib_.desc_create(&desc, bfloat16 ? lt::kCompute32F : lt::kCompute32FFastTf32,
                                lt::kFloat32)) &&
          set(lt::kTransA, op_a) && set(lt::kTransB, op_b) && set(lt::kEpilogue, p.epilogue) &&
          (p.bias == nullptr || (set(lt::kBiasPointer, p.bias) &&
                                 set(lt::kBiasDataType, static_cast<int>(lt::kFloat32)))) &&
          layout(a, type, p.m, p.k, p.transposed_a, p.a.stride) &&
          layout(b, type, p.k, p.n, p.transposed_b, p.b.stride) &&
          layout(d, p.bfloat16 ? lt::kBFloat16 : lt::kFloat32, p.m, p.n, false, p.stride);
  }
  ~Call() {
    for (const lt::Layout made : {a, b, d}) {
      if (made != nullptr) lib_.layout_destroy(made);
    }
    if (desc != nullptr) lib_.desc_destroy(desc);
  }
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;

  bool ok() const { return ok_; }

  lt::MatmulDesc desc = nullptr;
  lt::Layout a = nullptr, b = nullptr, d = nullptr;

 private:
  static bool made(int status) { return status == lt::kSuccess; }
  template <class T>
  bool set(int attribute, const T& value) {
    return made(lib_.desc_set(desc, attribute, &value, sizeof value));
  }
  bool layout(lt::Layout& layout, int type, int rows, int columns, bool transposed,
              std::int64_t stride) {
    return made(lib_.layout_create(&layout, type, transposed ? columns : rows,
                                   transposed ? rows : columns, stride));
  }

  const lt::Library& lib_ = lt::library();
  bool ok_ = false;
};

struct TimedEvent {
  cudaEvent_t event = nullptr;
  TimedEvent() { check(cudaEventCreate(&event), "making an event"); }
  ~TimedEvent() { static_cast<void>(cudaEventDestroy(event)); }
  TimedEvent(const TimedEvent&) = delete;
  TimedEvent& operator=(const TimedEvent&) = delete;
};

// The shortest of some runs, after one that does not count unless it is hopeless, in milliseconds.
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

}  // namespace

LibraryProducts::LibraryProducts(Device& device, bool bfloat16, lt::Handle handle)
    : ordinal_(device.ordinal),
      bfloat16_(bfloat16),
      handle_(handle),
      workspace_(device.pool, kLibraryWorkspace, "cuBLASLt's workspace") {}

LibraryProducts::~LibraryProducts() { lt::library().destroy(handle_); }

std::unique_ptr<LibraryProducts> LibraryProducts::open(Device& device, bool bfloat16) {
  if (!lt::library().found) return nullptr;
  lt::Handle handle = nullptr;
  if (lt::library().create(&handle) != lt::kSuccess) return nullptr;
  try {
    return std::unique_ptr<LibraryProducts>(new LibraryProducts(device, bfloat16, handle));
  } catch (...) {
    lt::library().destroy(handle);
    throw;
  }
}

bool LibraryProducts::add_candidates(const Matmul& matmul, int variant,
                                     std::vector<Candidate>& candidates) {
  const lt::Library& lib = lt::library();
  const Call call(matmul, bfloat16_);
  lt::Preference preference = nullptr;
  if (!call.ok() || lib.preference_create(&preference) != lt::kSuccess) return false;
  const std::uint64_t bytes = kLibraryWorkspace;
  lt::Heuristic results[kMostAlgorithms]{};
  int found = 0;
  const bool asked = lib.preference_set(preference, lt::kMaxWorkspaceBytes, &bytes, sizeof bytes) ==
                         lt::kSuccess &&
                     lib.heuristic(handle_, call.desc, call.a, call.b, call.d, call.d, preference,
                                   kMostAlgorithms, results, &found) == lt::kSuccess;
  lib.preference_destroy(preference);
  if (!asked) return false;
  for (int i = 0; i < std::min(found, kMostAlgorithms); ++i) {
    if (results[i].status == lt::kSuccess) candidates.push_back({variant, results[i].algorithm});
  }
  return true;
}

bool LibraryProducts::run(Launcher& launcher, const Matmul& p, const lt::Algorithm& algorithm) {
  const Call call(p, bfloat16_);
  if (!call.ok()) return false;
  const float one = 1, zero = 0;
  const int status =
      lt::library().matmul(handle_, call.desc, &one, p.a.data, call.a, p.b.data, call.b, &zero, p.d,
                           call.d, p.d, call.d, &algorithm, workspace_.as<void>(),
                           static_cast<std::size_t>(kLibraryWorkspace), launcher.stream());
  return status == lt::kSuccess;
}

LibraryProducts::Choice LibraryProducts::choose(Launcher& launcher,
                                                const std::vector<std::int64_t>& shape,
                                                const std::vector<Matmul>& variants,
                                                const std::function<void(int)>& finish,
                                                const std::function<void()>& own) {
  // Never destroyed, as devices are not.
  static auto* const mutex = new std::mutex;
  static auto* const choices = new std::map<std::vector<std::int64_t>, Choice>;
  std::vector<std::int64_t> key = {ordinal_, bfloat16_ ? 1 : 0};
  key.insert(key.end(), shape.begin(), shape.end());
  {
    const std::lock_guard lock(*mutex);
    const auto known = choices->find(key);
    if (known != choices->end()) return known->second;
  }
  std::vector<Candidate> candidates;
  for (std::size_t v = 0; v < variants.size(); ++v)
    add_candidates(variants[v], static_cast<int>(v), candidates);
  Choice best;
  float best_time = time_of(launcher.stream(), kHopeless, own);
  for (const Candidate& candidate : candidates) {
    bool works = true;
    const float time = time_of(launcher.stream(), 4 * best_time, [&] {
      works = works && run(launcher, variants[candidate.variant], candidate.algorithm);
      if (works) finish(candidate.variant);
    });
    if (!works || time >= best_time) continue;
    best = {candidate.variant, candidate.algorithm};
    best_time = time;
  }
  const std::lock_guard lock(*mutex);
  return choices->emplace(key, best).first->second;
}

void LibraryProducts::forward(Launcher& launcher, const ForwardProduct& p,
                              const LibraryMemory& memory) {
  // Y (rows, units) = X (rows, inputs) . W (inputs, units)
  Matmul plain{p.units, p.rows, p.inputs, p.kernel, p.input, false, false, nullptr, 0, false};
  float* const sums = p.output.stride != 0 ? p.output.data
                      : p.z.stride != 0    ? p.z.data
                                           : memory.sums;
  const int stride = p.output.stride != 0 ? p.output.stride
                     : p.z.stride != 0    ? p.z.stride
                                          : (p.units + 3) / 4 * 4;
  plain.d = sums;
  plain.stride = stride;
  std::vector<Matmul> variants = {plain};
  const bool relu = p.op.row == row::relu;
  if ((relu || p.op.row == row::linear) && p.z.stride == 0 &&
      (p.output.stride == 0 || p.copy.stride == 0)) {
    Matmul fused = plain;
    fused.epilogue =
        p.bias == nullptr ? (relu ? lt::kRelu : lt::kDefault) : (relu ? lt::kReluBias : lt::kBias);
    fused.bias = p.bias;
    if (p.output.stride == 0) {
      fused.d = p.copy.data;
      fused.stride = p.copy.stride;
      fused.bfloat16 = true;
    }
    variants.push_back(fused);
  }
  const auto finish = [&](int variant) {
    if (variant != 0) return;
    launcher(finish_kernel<ForwardProduct>,
             dim3(blocks_for(std::int64_t{p.rows} * ((p.units + 1) / 2))), kThreads, 0, p,
             Sums{sums, nullptr, stride}, p.units);
  };
  const auto own = [&] { (bfloat16_ ? tensor_forward<Bf16> : tensor_forward<Tf32>)(launcher, p); };
  const Choice choice = choose(launcher,
                               {0, p.rows, p.inputs, p.units, p.op.row, p.bias != nullptr,
                                p.z.stride, p.output.stride, p.copy.stride},
                               variants, finish, own);
  if (choice.variant == kOwn || !run(launcher, variants[choice.variant], choice.algorithm))
    return own();
  finish(choice.variant);
}

void LibraryProducts::backward_input(Launcher& launcher, const BackwardProduct& p,
                                     const LibraryMemory& memory) {
  // dX (rows, inputs) = G (rows, units) . W^T, W stored as (inputs, units)
  Matmul plain{p.inputs, p.rows, p.units, p.kernel, p.gradient, true, false, nullptr, 0, false};
  Sums sums{};
  const bool exact = p.op.row == row::linear || p.op.row == row::relu;
  if (p.input_gradient.stride != 0) {
    sums = {p.input_gradient.data, nullptr, p.input_gradient.stride};
  } else if (exact && p.copy.stride != 0) {
    // A slope of 0 or 1 rounds nothing again.
    sums = {nullptr, p.copy.data, p.copy.stride};
  } else {
    sums = {memory.sums, nullptr, (p.inputs + 3) / 4 * 4};
  }
  plain.bfloat16 = sums.rounded != nullptr;
  plain.d = plain.bfloat16 ? static_cast<void*>(p.copy.data) : const_cast<float*>(sums.floats);
  plain.stride = sums.stride;
  const bool finished =
      p.op.row == row::linear && (p.input_gradient.stride == 0 || p.copy.stride == 0);
  const auto finish = [&](int) {
    if (finished && plain.d != memory.sums) return;
    launcher(finish_kernel<BackwardProduct>,
             dim3(blocks_for(std::int64_t{p.rows} * ((p.inputs + 1) / 2))), kThreads, 0, p, sums,
             p.inputs);
  };
  const auto own = [&] {
    (bfloat16_ ? tensor_backward_input<Bf16> : tensor_backward_input<Tf32>)(launcher, p);
  };
  const std::vector<Matmul> variants = {plain};
  const Choice choice = choose(launcher,
                               {1, p.rows, p.inputs, p.units, p.op.row, p.z.stride, p.output.stride,
                                p.input_gradient.stride, p.copy.stride},
                               variants, finish, own);
  if (choice.variant == kOwn || !run(launcher, plain, choice.algorithm)) return own();
  finish(choice.variant);
}

void LibraryProducts::backward_weights(Launcher& launcher, const WeightsProduct& p,
                                       const WeightsSplit& split, std::uint32_t* counters,
                                       float* partials, const LibraryMemory& memory) {
  // dW (inputs, units) = X^T . G, X stored as (rows, inputs), G as (rows, units)
  const Matmul plain{p.units, p.inputs, p.rows,           p.gradient,      p.input,
                     false,   true,     memory.gradients, p.kernel_stride, false};
  const unsigned weight_blocks = blocks_for(std::int64_t{p.inputs} * ((p.units + 3) / 4));
  const unsigned bias_blocks =
      p.bias.values == nullptr ? 0 : static_cast<unsigned>((p.units + kBiasUnits - 1) / kBiasUnits);
  const auto update = [&](const WeightsProduct& product) {
    launcher(bfloat16_ ? update_kernel<Bf16> : update_kernel<Tf32>,
             dim3(weight_blocks + bias_blocks), kThreads, 0, product, memory.gradients,
             static_cast<int>(weight_blocks));
  };
  const auto own = [&](const WeightsProduct& product) {
    (bfloat16_ ? tensor_backward_weights<Bf16>
               : tensor_backward_weights<Tf32>)(launcher, product, split, counters, partials);
  };
  // Timed on the gradients as if they were weights, which may change but once.
  WeightsProduct trial = p;
  trial.kernel.values = memory.gradients;
  trial.kernel_copy = {};
  trial.bias.values = nullptr;
  trial.optimizer = {row::optimizer::sgd, {}};
  trial.kernel.weight_decay = 0;
  trial.kernel.stores = false;
  const std::vector<Matmul> variants = {plain};
  const Choice choice = choose(
      launcher, {2, p.rows, p.inputs, p.units, p.kernel_stride}, variants,
      [&](int) {
        launcher(bfloat16_ ? update_kernel<Bf16> : update_kernel<Tf32>, dim3(weight_blocks),
                 kThreads, 0, trial, memory.gradients, static_cast<int>(weight_blocks));
      },
      [&] { own(trial); });
  if (choice.variant == kOwn || !run(launcher, plain, choice.algorithm)) return own(p);
  update(p);
}

}  // namespace neurode::cuda
