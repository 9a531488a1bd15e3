// Products of wide layers by cuBLASLt, where it is found and is the fastest.
//
// Which of its algorithms, fused with bias and activation or not, or whether Neurode's own kernel,
// is timed on the first product of a shape and remembered for the process.
#pragma once

#include <functional>
#include <memory>

#include "cuda/runtime/device.h"
#include "cuda/wide/cublas_lt.h"
#include "cuda/wide/tensor_cores.h"

namespace neurode::cuda {

constexpr std::int64_t kLibraryWorkspace = 32 << 20;  // bytes

// Memory that the library's products of one pass take; in that of the pass.
struct LibraryMemory {
  float* sums = nullptr;       // of the largest product whose sums have no other place
  float* gradients = nullptr;  // of the largest kernel
};

class LibraryProducts {
 public:
  // Null where the library is absent or does not start.
  static std::unique_ptr<LibraryProducts> open(Device& device, bool bfloat16);
  ~LibraryProducts();
  LibraryProducts(const LibraryProducts&) = delete;
  LibraryProducts& operator=(const LibraryProducts&) = delete;

  void forward(Launcher& launcher, const ForwardProduct& product, const LibraryMemory& memory);
  void backward_input(Launcher& launcher, const BackwardProduct& product,
                      const LibraryMemory& memory);
  void backward_weights(Launcher& launcher, const WeightsProduct& product,
                        const WeightsSplit& split, std::uint32_t* counters, float* partials,
                        const LibraryMemory& memory);

 private:
  struct Matmul;
  struct Candidate;
  struct Choice;
  LibraryProducts(Device& device, bool bfloat16, lt::Handle handle);

  bool add_candidates(const Matmul& matmul, int variant, std::vector<Candidate>& candidates);
  bool run(Launcher& launcher, const Matmul& matmul, const lt::Algorithm& algorithm);
  // The choice for such a product, which `candidates` are timed for unless it is known. Candidate
  // -1 is Neurode's own.
  Choice choose(Launcher& launcher, const std::vector<std::int64_t>& key,
                const std::vector<Matmul>& variants, const std::function<void(int variant)>& finish,
                const std::function<void()>& own);

  const int ordinal_;
  const bool bfloat16_;
  const lt::Handle handle_;
  DeviceMemory workspace_;
};

}  // namespace neurode::cuda
