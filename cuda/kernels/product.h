// Computes one block's tile of a matrix product. The sums are in registers. Shared memory holds two
// slabs of each operand: one is read while the next one is filled.
//
// Sums run over k in order. With several groups of threads, group g sums its own k of each slab
// (part g of kK / Groups values), and the groups' sums are added in order at the end. Groups give a
// small tile more threads.
#pragma once

#include "cuda/kernels/sources.h"

namespace neurode::cuda {

template <int M, int N, int K, int ThreadM, int ThreadN, int Groups>
struct Shape {
  static constexpr int kM = M, kN = N, kK = K;
  static constexpr int kThreadM = ThreadM, kThreadN = ThreadN, kGroups = Groups;
  static constexpr int kColumns = N / ThreadN;  // threads along n
  static constexpr int kGroupThreads = M / ThreadM * kColumns;
  static_assert(kGroupThreads * Groups == kThreads);
  static_assert(K % Groups == 0 &&
                (Groups == 1 || Groups * M * N <= 2 * K * (M + 4)));  // partial sums fit in a slab
};

using Large = Shape<128, 128, 8, 8, 8, 1>;
using Medium = Shape<64, 64, 16, 4, 4, 1>;
using Small = Shape<32, 32, 32, 2, 2, 1>;
using Narrow = Shape<16, 16, 32, 2, 2, 4>;  // few outputs and many k, in four groups of threads

// Four floats of padding keep rows aligned to 16 bytes and put a column's values in different
// banks.
template <class S>
struct alignas(16) Slabs {
  float a[2][S::kK][S::kM + 4];
  float b[2][S::kK][S::kN + 4];
};

// The places of a thread's values in the tile. Values come in runs of up to four, so that a warp
// reads whole lines of shared memory.
template <int Count>
constexpr int kRun = Count < 4 ? Count : 4;
template <int Tile, int Count>
constexpr int kRunStep = Tile / (Count / kRun<Count>);  // the distance between two runs of a thread
template <int Tile, int Count>
NEURODE_DEVICE int place(int thread, int i) {
  constexpr int run = kRun<Count>;
  return i / run * kRunStep<Tile, Count> + thread * run + i % run;
}

template <int Tile, int Count>
NEURODE_DEVICE void read_fragment(const float* line, int thread, float (&out)[Count]) {
  if constexpr (Count % 4 == 0) {
#pragma unroll
    for (int i = 0; i < Count; i += 4) {
      const float4 v = *reinterpret_cast<const float4*>(line + place<Tile, Count>(thread, i));
      out[i] = v.x;
      out[i + 1] = v.y;
      out[i + 2] = v.z;
      out[i + 3] = v.w;
    }
  } else {
#pragma unroll
    for (int i = 0; i < Count; ++i) out[i] = line[place<Tile, Count>(thread, i)];
  }
}

// Holds a thread's values of an operand's slab, four at a time, between the load from global memory
// and the store to shared memory. AlongK: the columns of the source are k.
template <int Tile, int K, bool AlongK>
struct Staged {
  static constexpr int kChunks = Tile * K / 4;
  static constexpr int kEach = (kChunks + kThreads - 1) / kThreads;
  float4 values[kEach];

  template <class Source>
  NEURODE_DEVICE void load(const Source& source, int first, int end, int k, int k_end) {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int chunk = static_cast<int>(threadIdx.x) + i * kThreads;
      if (kChunks % kThreads != 0 && chunk >= kChunks) break;
      values[i] =
          AlongK ? source.load(first + chunk / (K / 4), end, k + chunk % (K / 4) * 4, k_end)
                 : source.load(k + chunk / (Tile / 4), k_end, first + chunk % (Tile / 4) * 4, end);
    }
  }

  NEURODE_DEVICE void store(float (*slab)[Tile + 4]) const {
#pragma unroll
    for (int i = 0; i < kEach; ++i) {
      const int chunk = static_cast<int>(threadIdx.x) + i * kThreads;
      if (kChunks % kThreads != 0 && chunk >= kChunks) break;
      if (AlongK) {
        const int m = chunk / (K / 4), k = chunk % (K / 4) * 4;
        slab[k][m] = values[i].x;
        slab[k + 1][m] = values[i].y;
        slab[k + 2][m] = values[i].z;
        slab[k + 3][m] = values[i].w;
      } else {
        *reinterpret_cast<float4*>(&slab[chunk / (Tile / 4)][chunk % (Tile / 4) * 4]) = values[i];
      }
    }
  }
};

// One thread's sums and their place in the tile.
template <class S>
struct Sums {
  float values[S::kThreadM][S::kThreadN];
  int row, column;  // of the thread in its group
  int group;

  NEURODE_DEVICE Sums()
      : row(static_cast<int>(threadIdx.x) % S::kGroupThreads / S::kColumns),
        column(static_cast<int>(threadIdx.x) % S::kColumns),
        group(static_cast<int>(threadIdx.x) / S::kGroupThreads) {
#pragma unroll
    for (int i = 0; i < S::kThreadM; ++i) {
#pragma unroll
      for (int j = 0; j < S::kThreadN; ++j) values[i][j] = 0;
    }
  }

  // Calls visit(m, n, sum) for the thread's elements of the tile. After multiply(), only group 0
  // has complete sums.
  template <class Visit>
  NEURODE_DEVICE void each(Visit visit) {
#pragma unroll
    for (int i = 0; i < S::kThreadM; ++i) {
#pragma unroll
      for (int j = 0; j < S::kThreadN; ++j) {
        visit(place<S::kM, S::kThreadM>(row, i), place<S::kN, S::kThreadN>(column, j),
              values[i][j]);
      }
    }
  }
};

// sums = A[m, k] B[k, n] for the tile that begins at (m, n), with k from k_begin to k_end. k_begin
// must be a multiple of four.
template <class S, bool AAlongK, bool BAlongK, class A, class B>
NEURODE_DEVICE void multiply(const A& a, int m, int m_end, const B& b, int n, int n_end,
                             int k_begin, int k_end, Slabs<S>& slabs, Sums<S>& sums) {
  Staged<S::kM, S::kK, AAlongK> next_a;
  Staged<S::kN, S::kK, BAlongK> next_b;
  next_a.load(a, m, m_end, k_begin, k_end);
  next_b.load(b, n, n_end, k_begin, k_end);
  constexpr int kPart = S::kK / S::kGroups;
  int current = 0;
  for (int k = k_begin; k < k_end; k += S::kK) {
    next_a.store(slabs.a[current]);
    next_b.store(slabs.b[current]);
    __syncthreads();
    if (k + S::kK < k_end) {
      next_a.load(a, m, m_end, k + S::kK, k_end);
      next_b.load(b, n, n_end, k + S::kK, k_end);
    }
#pragma unroll
    for (int i = 0; i < kPart; ++i) {
      float left[S::kThreadM], right[S::kThreadN];
      read_fragment<S::kM>(slabs.a[current][sums.group * kPart + i], sums.row, left);
      read_fragment<S::kN>(slabs.b[current][sums.group * kPart + i], sums.column, right);
#pragma unroll
      for (int y = 0; y < S::kThreadM; ++y) {
#pragma unroll
        for (int x = 0; x < S::kThreadN; ++x) sums.values[y][x] += left[y] * right[x];
      }
    }
    current ^= 1;
  }
  if constexpr (S::kGroups > 1) {
    float* const parts = &slabs.a[0][0][0];
    __syncthreads();
    sums.each(
        [&](int y, int x, float value) { parts[(sums.group * S::kM + y) * S::kN + x] = value; });
    __syncthreads();
    if (sums.group == 0) {
      sums.each([&](int y, int x, float& value) {
        for (int g = 1; g < S::kGroups; ++g) value += parts[(g * S::kM + y) * S::kN + x];
      });
    }
  }
}

}  // namespace neurode::cuda
