// Computes one block's 128 x 128 tile of a matrix product on tensor cores, with eight warps of 64 x
// 32 each. Three slabs of each operand are in shared memory; two of them may still be loading.
//
// A slab consists of 16-byte chunks. Chunks of a row are permuted (swizzled) so that the eight rows
// of a matrix that a warp loads are in different banks. Both element types have the same chunks. If
// rows run along k, a slab has 128 rows of four chunks. Otherwise each row holds the 128 elements
// for one k. Sums run over k in order.
#pragma once

#include "cuda/wide/tensor_cores.h"

namespace neurode::cuda {

constexpr int kChunkBytes = 16;               // bytes
constexpr int kSlabChunks = 4;                // chunks of a slab along k
constexpr int kSlab = 128 * 4 * kChunkBytes;  // bytes
constexpr int kSlabs = 3;
constexpr int kTensorShared = kSlabs * 2 * kSlab;  // bytes of dynamic shared memory per block

template <class E>
struct Elements {
  static constexpr int kOfChunk = kChunkBytes / E::kBytes;
  static constexpr int kK = kSlabChunks * kOfChunk;    // k per slab
  static constexpr int kRowChunks = kTile / kOfChunk;  // if rows are of one k
  static constexpr int kRowBytes = kTile * E::kBytes;
};

// The offset of a chunk in a slab whose rows run along k, and in one whose rows are of one k.
NEURODE_DEVICE int along_k(int row, int chunk) {
  return row * (kSlabChunks * kChunkBytes) + (chunk ^ (row >> 1 & 3)) * kChunkBytes;
}
template <class E>
NEURODE_DEVICE int across_k(int k, int chunk) {
  const int exchange = E::kBytes == 2 ? k & 7 : (k & 3) * 2;
  return k * Elements<E>::kRowBytes + (chunk ^ exchange) * kChunkBytes;
}

// Starts the copy of a slab: elements [first, end) of the tile and [k, k_end); other elements
// become zero.
template <class E, bool AlongK>
NEURODE_DEVICE void load_slab(char* slab, const Matrix& matrix, int first, int end, int k,
                              int k_end) {
  constexpr int kOfChunk = Elements<E>::kOfChunk;
#pragma unroll
  for (int i = 0; i < kSlab / kChunkBytes / kThreads; ++i) {
    const int index = static_cast<int>(threadIdx.x) + i * kThreads;
    constexpr int kRowChunks = AlongK ? kSlabChunks : Elements<E>::kRowChunks;
    const int r = index / kRowChunks, chunk = index % kRowChunks;
    const int row = (AlongK ? first : k) + r, row_end = AlongK ? end : k_end;
    const int column = (AlongK ? k : first) + chunk * kOfChunk, column_end = AlongK ? k_end : end;
    const int left = row < row_end ? column_end - column : 0;
    const int count = left < 0 ? 0 : left > kOfChunk ? kOfChunk : left;
    const char* from = static_cast<const char*>(matrix.data);
    if (count > 0) from += (row * matrix.stride + column) * E::kBytes;
    copy_async(slab + (AlongK ? along_k(r, chunk) : across_k<E>(r, chunk)), from,
               count * E::kBytes);
  }
}

// Loads a fragment: 16 elements along m for a, or twice 8 elements along n for b, by two chunks of
// k. `KFirst` gives the order of words for b, where words 0 and 1 are the two chunks.
template <class E, bool AlongK, bool KFirst>
NEURODE_DEVICE void load_fragment(std::uint32_t (&words)[4], const char* slab, int first,
                                  int chunk) {
  const int lane = static_cast<int>(threadIdx.x) % 32;
  const int low = lane & 7, second = lane >> 3 & 1, third = lane >> 4;
  const int by_m = KFirst ? third : second, by_k = KFirst ? second : third;
  if constexpr (AlongK) {
    load_matrices(words, slab + along_k(first + low + by_m * 8, chunk + by_k));
  } else if constexpr (E::kBytes == 2) {
    load_matrices_transposed(words, slab + across_k<E>((chunk + by_k) * 8 + low, first / 8 + by_m));
  } else {
    const int g = lane / 4, t = lane % 4;
#pragma unroll
    for (int w = 0; w < 4; ++w) {
      const int m = first + g + 8 * (KFirst ? w / 2 : w % 2);
      const int k = chunk * 4 + t + 4 * (KFirst ? w % 2 : w / 2);
      words[w] = *reinterpret_cast<const std::uint32_t*>(slab + across_k<E>(k, m / 4) + m % 4 * 4);
    }
  }
  if constexpr (E::kBytes == 4) {
#pragma unroll
    for (int w = 0; w < 4; ++w) words[w] = to_tf32(words[w]);
  }
}

// The sums of one thread.
struct TensorSums {
  float values[4][4][4] = {};  // by m, n and position in the fragment

  // Calls visit(m, n, first, second) for each pair of neighbours along n.
  template <class Visit>
  NEURODE_DEVICE void each(Visit visit) {
    const int lane = static_cast<int>(threadIdx.x) % 32, warp = static_cast<int>(threadIdx.x) / 32;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          const int m = warp / 4 * 64 + i * 16 + half * 8 + lane / 4;
          const int n = warp % 4 * 32 + j * 8 + lane % 4 * 2;
          visit(m, n, values[i][j][half * 2], values[i][j][half * 2 + 1]);
        }
      }
    }
  }
};

template <class E, bool AAlongK, bool BAlongK>
NEURODE_DEVICE void multiply_slabs(const char* a, const char* b, TensorSums& sums) {
  const int warp = static_cast<int>(threadIdx.x) / 32;
  const int m = warp / 4 * 64, n = warp % 4 * 32;
#pragma unroll
  for (int chunk = 0; chunk < kSlabChunks; chunk += 2) {
    std::uint32_t left[4][4], right[2][4];
#pragma unroll
    for (int i = 0; i < 4; ++i) load_fragment<E, AAlongK, false>(left[i], a, m + i * 16, chunk);
#pragma unroll
    for (int j = 0; j < 2; ++j) load_fragment<E, BAlongK, true>(right[j], b, n + j * 16, chunk);
#pragma unroll
    for (int i = 0; i < 4; ++i) {
#pragma unroll
      for (int j = 0; j < 4; ++j) {
        const std::uint32_t b0 = right[j / 2][j % 2 * 2], b1 = right[j / 2][j % 2 * 2 + 1];
        if constexpr (E::kBytes == 2) {
          multiply_bfloat16(sums.values[i][j], left[i], b0, b1);
        } else {
          multiply_tf32(sums.values[i][j], left[i], b0, b1);
        }
      }
    }
  }
}

// sums = A[m, k] B[k, n] for the tile that begins at (m, n), with k from k_begin to k_end.
// k_begin must be a multiple of kK.
template <class E, bool AAlongK, bool BAlongK>
NEURODE_DEVICE void multiply_on_tensor_cores(const Matrix& a, int m, int m_end, const Matrix& b,
                                             int n, int n_end, int k_begin, int k_end, char* shared,
                                             TensorSums& sums) {
  constexpr int kK = Elements<E>::kK;
  const int steps = (k_end - k_begin + kK - 1) / kK;
  const auto load = [&](int step) {
    if (step < steps) {
      char* const slabs = shared + step % kSlabs * 2 * kSlab;
      const int k = k_begin + step * kK;
      load_slab<E, AAlongK>(slabs, a, m, m_end, k, k_end);
      load_slab<E, BAlongK>(slabs + kSlab, b, n, n_end, k, k_end);
    }
    end_copy_group();
  };
#pragma unroll
  for (int step = 0; step < kSlabs - 1; ++step) load(step);
  for (int step = 0; step < steps; ++step) {
    wait_for_copies<kSlabs - 2>();
    __syncthreads();
    load(step + kSlabs - 1);
    const char* const slabs = shared + step % kSlabs * 2 * kSlab;
    multiply_slabs<E, AAlongK, BAlongK>(slabs, slabs + kSlab, sums);
  }
}

}  // namespace neurode::cuda
