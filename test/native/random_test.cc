// Random numbers: known answers of Philox, and statistics of the initializers.
#include "native/ops/random.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

#include "native/engine/initializers.h"
#include "test/native/check.h"
#include "test/native/vectors.h"

namespace neurode {
namespace {

// These answers are published with the reference implementation of Philox4x32-10.
TEST_CASE("Philox gives the answers that are known") {
  const std::uint32_t cases[][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1}};
  using Wide = ops::UintOf<Vec>;
  for (const auto& c : cases) {
    const auto block = ops::philox<std::uint32_t>(c[0], c[1], c[2], c[3], {c[4], c[5]});
    const Wide zero = {};
    const auto wide =
        ops::philox<Wide>(zero + c[0], zero + c[1], zero + c[2], zero + c[3], {c[4], c[5]});
    for (int i = 0; i < 4; ++i) {
      CHECK(block.words[i] == c[6 + i]);
      for (int lane = 0; lane < kLanes; ++lane) CHECK(wide.words[i][lane] == c[6 + i]);
    }
  }
  CHECK((ops::uniform01<float>(0) == 0 && ops::uniform01<float>(~0u) < 1));
  CHECK((ops::bounded(~0u, ~0u, 7) == 6 && ops::bounded(0, ~0u, ~0u) == 0 &&
         ops::bounded(1u << 31, 0, 10) == 5));
}

struct Statistics {
  double mean = 0, deviation = 0, low = 0, high = 0;
};

Statistics statistics_of(const Initializer& initializer, int rows, int cols) {
  Floats x(static_cast<std::size_t>(rows) * cols), start(13);
  initialize(initializer, rows, cols, x.data());
  if (initializer.kind != Initializer::Kind::orthogonal) {
    initialize(initializer, 13, 1,
               start.data());  // an element depends only on the seed and its place
    CHECK(std::memcmp(start.data(), x.data(), 13 * sizeof(float)) == 0);
  }
  Statistics s{0, 0, x[0], x[0]};
  for (const double v : x) {
    s.mean += v / x.size();
    s.deviation += v * v / x.size();
    s.low = std::min(s.low, v);
    s.high = std::max(s.high, v);
  }
  s.deviation = std::sqrt(s.deviation - s.mean * s.mean);
  return s;
}

TEST_CASE("initializers have their statistics") {
  using Kind = Initializer::Kind;
  const Statistics uniform =
      statistics_of({.kind = Kind::uniform, .seed = 5, .low = -1, .high = 3}, 300, 200);
  CHECK((near(uniform.mean, 1, 0.02) && near(uniform.deviation, 4 / std::sqrt(12), 0.01)));
  CHECK((uniform.low >= -1 && uniform.low < -0.99 && uniform.high < 3 && uniform.high > 2.99));
  const Statistics normal =
      statistics_of({.kind = Kind::normal, .seed = 6, .mean = 1, .deviation = 2}, 300, 200);
  CHECK((near(normal.mean, 1, 0.04) && near(normal.deviation, 2, 0.01) && normal.high > 8 &&
         normal.low < -6));
  const Statistics truncated =
      statistics_of({.kind = Kind::truncated_normal, .seed = 7, .deviation = 1}, 300, 200);
  CHECK((near(truncated.mean, 0, 0, 0.02) && near(truncated.deviation, 0.8796, 0.01)));
  CHECK((truncated.low >= -2 && truncated.low < -1.99 && truncated.high <= 2 &&
         truncated.high > 1.99));
  const Statistics constant = statistics_of({.value = 0.25f}, 5, 7);
  CHECK((constant.low == 0.25 && constant.high == 0.25));

  const int shapes[][2] = {{1, 1}, {1, 9}, {7, 3}, {40, 40}, {33, 70}, {70, 33}};
  for (const auto& shape : shapes) {
    const int rows = shape[0], cols = shape[1], count = std::min(rows, cols),
              length = std::max(rows, cols);
    Floats q(static_cast<std::size_t>(rows) * cols);
    initialize({.kind = Kind::orthogonal, .seed = 8, .gain = 2}, rows, cols, q.data());
    for (int a = 0; a < count; ++a) {
      for (int b = 0; b <= a; ++b) {
        double dot = 0;
        for (int i = 0; i < length; ++i) {
          dot +=
              rows >= cols ? q[i * cols + a] * q[i * cols + b] : q[a * cols + i] * q[b * cols + i];
        }
        CHECK(near(dot, a == b ? 4 : 0, 0, 4e-6));
      }
    }
  }
}

}  // namespace
}  // namespace neurode
