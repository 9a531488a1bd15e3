// Draws the initial values of parameters. Element i is a function of (seed, i); an element of an
// orthogonal matrix depends on all draws of the matrix.
#include "native/engine/initializers.h"

#include <algorithm>
#include <cstddef>
#include <cstring>
#include <vector>

#include "native/ops/math.h"
#include "native/ops/random.h"

namespace neurode {
namespace {

namespace ops = NEURODE_ISA_NAMESPACE::ops;

typedef float Vec __attribute__((vector_size(16)));
typedef ops::UintOf<Vec> UintVec;
constexpr int kLanes = 4;

Vec load(const float* p) {
  Vec v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
void store(float* p, Vec v) { std::memcpy(p, &v, sizeof v); }
float sum_lanes(Vec v) { return (v[0] + v[1]) + (v[2] + v[3]); }

struct Uniform {
  float low, high;
  Vec operator()(UintVec word) const { return ops::uniform01<Vec>(word) * (high - low) + low; }
};

struct Normal {
  float mean, deviation;
  Vec operator()(UintVec word) const { return ops::standard_normal<Vec>(word) * deviation + mean; }
};

struct TruncatedNormal {
  static constexpr float kBound = 2.0f;
  static constexpr float kBelow = 0.0227501319f;  // the probability of a value below -kBound
  static constexpr float kWithin = 0.954499736f;
  float mean, deviation;
  Vec operator()(UintVec word) const {
    const Vec z = ops::normal_quantile<Vec>(ops::half_probability<Vec>(word) * kWithin + kBelow);
    return ops::with_sign<Vec>(ops::min(z, Vec{} + kBound), word) * deviation + mean;
  }
};

// out[i] = draw(word i of the stream).
template <class Draw>
void fill(std::uint64_t seed, std::size_t count, float* out, Draw draw) {
  const ops::PhiloxKey key = ops::philox_key(seed, ops::Purpose::initial_weights);
  constexpr std::size_t kGroup = 4 * kLanes;
  for (std::size_t first = 0; first < count; first += kGroup) {
    UintVec low, high;
    for (int lane = 0; lane < kLanes; ++lane) {
      const std::uint64_t block = first / 4 + static_cast<std::uint64_t>(lane);
      low[lane] = static_cast<std::uint32_t>(block);
      high[lane] = static_cast<std::uint32_t>(block >> 32);
    }
    const ops::PhiloxBlock<UintVec> block =
        ops::philox<UintVec>(low, high, UintVec{}, UintVec{}, key);
    float values[kGroup];
    for (int word = 0; word < 4; ++word) {
      const Vec v = draw(block.words[word]);
      for (int lane = 0; lane < kLanes; ++lane) values[4 * lane + word] = v[lane];
    }
    std::copy_n(values, std::min(kGroup, count - first), out + first);
  }
}

// Columns are stored one after another, `stride` floats each. The padding at their ends is zero.
struct Columns {
  std::size_t stride;
  std::vector<float> values;
  float* operator[](std::size_t column) { return values.data() + column * stride; }
};

// Subtracts from A columns their components along Q orthonormal columns.
template <int Q, int A>
void project_tile(const float* q, float* a, std::size_t stride) {
  Vec dots[Q][A] = {};
  for (std::size_t i = 0; i < stride; i += kLanes) {
    for (int c = 0; c < A; ++c) {
      const Vec ac = load(a + c * stride + i);
      for (int r = 0; r < Q; ++r) dots[r][c] += load(q + r * stride + i) * ac;
    }
  }
  for (int r = 0; r < Q; ++r) {
    for (int c = 0; c < A; ++c) dots[r][c] = Vec{} + sum_lanes(dots[r][c]);
  }
  for (std::size_t i = 0; i < stride; i += kLanes) {
    for (int c = 0; c < A; ++c) {
      Vec ac = load(a + c * stride + i);
      for (int r = 0; r < Q; ++r) ac -= load(q + r * stride + i) * dots[r][c];
      store(a + c * stride + i, ac);
    }
  }
}

// As project_tile, for the columns [q_begin, q_end) and [a_begin, a_end).
void project(Columns& columns, std::size_t q_begin, std::size_t q_end, std::size_t a_begin,
             std::size_t a_end) {
  const std::size_t stride = columns.stride;
  std::size_t q = q_begin;
  for (; q + 4 <= q_end; q += 4) {
    std::size_t a = a_begin;
    for (; a + 2 <= a_end; a += 2) project_tile<4, 2>(columns[q], columns[a], stride);
    if (a < a_end) project_tile<4, 1>(columns[q], columns[a], stride);
  }
  for (; q < q_end; ++q) {
    for (std::size_t a = a_begin; a < a_end; ++a)
      project_tile<1, 1>(columns[q], columns[a], stride);
  }
}

void normalize(float* column, std::size_t stride) {
  Vec sum = {};
  for (std::size_t i = 0; i < stride; i += kLanes) sum += load(column + i) * load(column + i);
  const float norm = ops::sqrt(sum_lanes(sum));
  if (norm == 0.0f) {
    column[0] = 1.0f;
    return;
  }
  for (std::size_t i = 0; i < stride; i += kLanes) store(column + i, load(column + i) / norm);
}

// Blocked Gram-Schmidt; each block is orthogonalized twice for accuracy. The result is the Q of A =
// Q R with a positive diagonal of R.
void orthonormalize(Columns& columns, std::size_t count) {
  constexpr std::size_t kBlock = 32;
  for (std::size_t begin = 0; begin < count; begin += kBlock) {
    const std::size_t end = std::min(begin + kBlock, count);
    for (int pass = 0; pass < 2; ++pass) {
      project(columns, 0, begin, begin, end);
      for (std::size_t a = begin; a < end; ++a) {
        project(columns, begin, a, a, a + 1);
        normalize(columns[a], columns.stride);
      }
    }
  }
}

void fill_orthogonal(std::uint64_t seed, float gain, std::size_t rows, std::size_t cols,
                     float* out) {
  const std::size_t length = std::max(rows, cols);
  const std::size_t count = std::min(rows, cols);
  Columns columns{(length + kLanes - 1) / kLanes * kLanes, {}};
  columns.values.resize(columns.stride * count);
  fill(seed, length * count, out, Normal{0.0f, 1.0f});
  for (std::size_t c = 0; c < count; ++c) std::copy_n(out + c * length, length, columns[c]);
  orthonormalize(columns, count);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t c = 0; c < cols; ++c) {
      out[r * cols + c] = gain * (rows >= cols ? columns[c][r] : columns[r][c]);
    }
  }
}

}  // namespace

void initialize(const Initializer& initializer, int rows, int cols, float* out) {
  const std::size_t count = static_cast<std::size_t>(rows) * static_cast<std::size_t>(cols);
  const auto& [kind, seed, value, low, high, mean, deviation, gain] = initializer;
  switch (kind) {
    case Initializer::Kind::constant:
      std::fill_n(out, count, value);
      return;
    case Initializer::Kind::uniform:
      return fill(seed, count, out, Uniform{low, high});
    case Initializer::Kind::normal:
      return fill(seed, count, out, Normal{mean, deviation});
    case Initializer::Kind::truncated_normal:
      return fill(seed, count, out, TruncatedNormal{mean, deviation});
    case Initializer::Kind::orthogonal:
      return fill_orthogonal(seed, gain, static_cast<std::size_t>(rows),
                             static_cast<std::size_t>(cols), out);
  }
}

}  // namespace neurode
