// Computes a matrix product with cuBLASLt.
#include <algorithm>

#include "cuda/wide/library_matmul.h"

namespace neurode::cuda {
namespace {

constexpr std::int64_t kWorkspace = 32 << 20;  // bytes
constexpr int kMostAlgorithms = 8;

// The arguments of one call of the library; destroys its descriptors.
class Call {
 public:
  Call(const LibraryMatmul& p, bool bfloat16) {
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

}  // namespace

Library::Library(Device& device, bool bfloat16, lt::Handle handle)
    : ordinal_(device.ordinal),
      bfloat16_(bfloat16),
      handle_(handle),
      workspace_(device.pool, kWorkspace, "cuBLASLt's workspace") {}

Library::~Library() { lt::library().destroy(handle_); }

std::unique_ptr<Library> Library::open(Device& device, bool bfloat16) {
  if (!lt::library().found) return nullptr;
  lt::Handle handle = nullptr;
  if (lt::library().create(&handle) != lt::kSuccess) return nullptr;
  try {
    return std::unique_ptr<Library>(new Library(device, bfloat16, handle));
  } catch (...) {
    lt::library().destroy(handle);
    throw;
  }
}

std::vector<lt::Algorithm> Library::algorithms(const LibraryMatmul& matmul) const {
  const lt::Library& lib = lt::library();
  const Call call(matmul, bfloat16_);
  lt::Preference preference = nullptr;
  if (!call.ok() || lib.preference_create(&preference) != lt::kSuccess) return {};
  const std::uint64_t bytes = kWorkspace;
  lt::Heuristic results[kMostAlgorithms]{};
  int found = 0;
  const bool asked = lib.preference_set(preference, lt::kMaxWorkspaceBytes, &bytes, sizeof bytes) ==
                         lt::kSuccess &&
                     lib.heuristic(handle_, call.desc, call.a, call.b, call.d, call.d, preference,
                                   kMostAlgorithms, results, &found) == lt::kSuccess;
  lib.preference_destroy(preference);
  std::vector<lt::Algorithm> algorithms;
  for (int i = 0; asked && i < std::min(found, kMostAlgorithms); ++i) {
    if (results[i].status == lt::kSuccess) algorithms.push_back(results[i].algorithm);
  }
  return algorithms;
}

bool Library::run(Launcher& launcher, const LibraryMatmul& p,
                  const lt::Algorithm& algorithm) const {
  const Call call(p, bfloat16_);
  if (!call.ok()) return false;
  const float one = 1, zero = 0;
  const int status = lt::library().matmul(
      handle_, call.desc, &one, p.a.data, call.a, p.b.data, call.b, &zero, p.d, call.d, p.d, call.d,
      &algorithm, workspace_.as<void>(), static_cast<std::size_t>(kWorkspace), launcher.stream());
  return status == lt::kSuccess;
}

}  // namespace neurode::cuda
