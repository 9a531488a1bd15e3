// Tensor core instructions and asynchronous copies: the functions of cuda/wide/warp_matrix.h.
//
// A product's terms are exact, and its sum is rounded once; a GPU also rounds in between. A copy
// takes place only when a thread waits for it, so that a missing wait is found.
#pragma once

#include <bit>
#include <cstdint>

#include "tools/cuda-emulator/device_functions.h"

namespace neurode::emulator {

// One lane's arguments of a function of the whole warp. `run` gets those of all 32 lanes.
struct Together {
  void (*run)(Together* const* lanes);
};
void warp_together(Together& mine, Site site);

void multiply_bfloat16(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0,
                       std::uint32_t b1, Site site = Site::current());
void multiply_tf32(float (&d)[4], const std::uint32_t (&a)[4], std::uint32_t b0, std::uint32_t b1,
                   Site site = Site::current());
void load_matrices(std::uint32_t (&words)[4], const void* row, Site site = Site::current());
void load_matrices_transposed(std::uint32_t (&words)[4], const void* row,
                              Site site = Site::current());

void copy_async(void* to, const void* from, int bytes);
void end_copy_group();
void wait_for_copies_but(int pending);
template <int Pending>
void wait_for_copies() {
  wait_for_copies_but(Pending);
}
// Forgets the copies of the last block.
void forget_copies();

inline std::uint32_t to_tf32(std::uint32_t value) {
  const bool finite = (value & 0x7f800000u) != 0x7f800000u;
  return finite ? (value + 0x1000u) & ~0x1fffu : value;
}

inline std::uint32_t to_bfloat16s(float low, float high) {
  const auto rounded = [](float value) -> std::uint32_t {
    const auto bits = std::bit_cast<std::uint32_t>(value);
    if (value != value) return 0x7fff;
    return (bits + 0x7fffu + (bits >> 16 & 1u)) >> 16;
  };
  return rounded(high) << 16 | rounded(low);
}

}  // namespace neurode::emulator
