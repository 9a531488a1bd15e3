// Tensor core instructions and asynchronous copies.
#include "tools/cuda-emulator/warp_matrix.h"

#include <array>
#include <vector>

#include "tools/cuda-emulator/state.h"

namespace neurode::emulator {

namespace {

constexpr int kWarp = 32;

struct Product : Together {
  const std::uint32_t* a;
  std::uint32_t b[2];
  float* d;
};

struct Rows : Together {
  const char* row;
  std::uint32_t* words;
};

// Element `i` of a fragment's word, as a double. A word holds two 16-bit elements.
template <bool Tf32>
double element(std::uint32_t word, int i) {
  const std::uint32_t bits = Tf32 ? word & ~0x1fffu : i == 0 ? word << 16 : word & 0xffff0000u;
  return std::bit_cast<float>(bits);
}

// d (16, 8) += a (16, K) b (K, 8). Word w of a lane begins at k = kPer (t + 4 (w / 2)) for a, and
// at k = kPer (t + 4 w) for b.
template <bool Tf32>
void multiply(Together* const* lanes) {
  constexpr int kPer = Tf32 ? 1 : 2;
  constexpr int kK = 8 * kPer;
  double a[16][kK], b[kK][8];
  for (int lane = 0; lane < kWarp; ++lane) {
    const Product& product = static_cast<Product&>(*lanes[lane]);
    const int g = lane / 4, t = lane % 4;
    for (int i = 0; i < kPer; ++i) {
      for (int w = 0; w < 4; ++w)
        a[g + 8 * (w % 2)][kPer * (t + 4 * (w / 2)) + i] = element<Tf32>(product.a[w], i);
      for (int w = 0; w < 2; ++w) b[kPer * (t + 4 * w) + i][g] = element<Tf32>(product.b[w], i);
    }
  }
  for (int lane = 0; lane < kWarp; ++lane) {
    float* const d = static_cast<Product&>(*lanes[lane]).d;
    for (int i = 0; i < 4; ++i) {
      const int row = lane / 4 + 8 * (i / 2), column = 2 * (lane % 4) + i % 2;
      double sum = d[i];
      for (int k = 0; k < kK; ++k) sum += a[row][k] * b[k][column];
      d[i] = static_cast<float>(sum);
    }
  }
}

template <bool Transposed>
void load(Together* const* lanes) {
  for (int lane = 0; lane < kWarp; ++lane) {
    std::uint32_t* const words = static_cast<Rows&>(*lanes[lane]).words;
    const int g = lane / 4, t = lane % 4;
    for (int matrix = 0; matrix < 4; ++matrix) {
      const auto row = [&](int r) { return static_cast<Rows&>(*lanes[8 * matrix + r]).row; };
      if (Transposed) {
        std::uint16_t half[2];
        for (int i = 0; i < 2; ++i) std::memcpy(&half[i], row(2 * t + i) + 2 * g, 2);
        words[matrix] = static_cast<std::uint32_t>(half[1]) << 16 | half[0];
      } else {
        std::memcpy(&words[matrix], row(g) + 4 * t, 4);
      }
    }
  }
}

void check_alignment(const void* pointer, const char* what) {
  if (reinterpret_cast<std::uintptr_t>(pointer) % 16 != 0) kernel_fault(what);
}

struct Copy {
  void* to;
  const void* from;
  int bytes;
  unsigned group;
};

struct Copies {
  std::vector<Copy> waiting;
  unsigned groups = 0;
};

std::array<Copies, kMaxThreads> copies;
bool copied = false;  // whether the running block has made copies

}  // namespace

void multiply_bfloat16(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                       std::uint32_t b1, Site site) {
  Product product{{multiply<false>}, a, {b0, b1}, d};
  warp_together(product, site);
}

void multiply_tf32(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                   Site site) {
  Product product{{multiply<true>}, a, {b0, b1}, d};
  warp_together(product, site);
}

void load_matrices(std::uint32_t (&words)[4], const void* row, Site site) {
  check_alignment(row, "load_matrices of a row that is not aligned to 16 bytes");
  Rows rows{{load<false>}, static_cast<const char*>(row), words};
  warp_together(rows, site);
}

void load_matrices_transposed(std::uint32_t (&words)[4], const void* row, Site site) {
  check_alignment(row, "load_matrices_transposed of a row that is not aligned to 16 bytes");
  Rows rows{{load<true>}, static_cast<const char*>(row), words};
  warp_together(rows, site);
}

void copy_async(void* to, const void* from, int bytes) {
  check_alignment(to, "copy_async to an address that is not aligned to 16 bytes");
  check_alignment(from, "copy_async from an address that is not aligned to 16 bytes");
  if (bytes < 0 || bytes > 16) kernel_fault("copy_async of more than 16 bytes, or fewer than none");
  copied = true;
  Copies& mine = copies[thread_number()];
  mine.waiting.push_back({to, from, bytes, mine.groups});
}

void end_copy_group() { ++copies[thread_number()].groups; }

void wait_for_copies_but(int pending) {
  Copies& mine = copies[thread_number()];
  std::size_t done = 0;
  for (; done < mine.waiting.size(); ++done) {
    const Copy& copy = mine.waiting[done];
    if (mine.groups - copy.group <= static_cast<unsigned>(pending)) break;
    std::memcpy(copy.to, copy.from, static_cast<std::size_t>(copy.bytes));
    std::memset(static_cast<char*>(copy.to) + copy.bytes, 0,
                static_cast<std::size_t>(16 - copy.bytes));
  }
  mine.waiting.erase(mine.waiting.begin(),
                     mine.waiting.begin() + static_cast<std::ptrdiff_t>(done));
}

void forget_copies() {
  if (!copied) return;
  for (Copies& thread : copies) {
    thread.waiting.clear();
    thread.groups = 0;
  }
  copied = false;
}

}  // namespace neurode::emulator
