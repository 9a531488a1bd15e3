// Measures the products of `npm run bench -- gemm` with OpenBLAS:
//   g++ -O2 bench/peers/openblas.cc -lopenblas -o build/openblas && OPENBLAS_NUM_THREADS=2 build/openblas 1024 1024 1024
#include <cblas.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

int main(int argc, char** argv) {
  if (argc != 4) return std::fprintf(stderr, "usage: openblas m n k\n"), 2;
  const int m = std::atoi(argv[1]), n = std::atoi(argv[2]), k = std::atoi(argv[3]);
  std::vector<float> a(1L * m * k), b(1L * k * n), c(1L * m * n);
  for (std::size_t i = 0; i < a.size(); ++i) a[i] = static_cast<float>(i % 7) - 3;
  for (std::size_t i = 0; i < b.size(); ++i) b[i] = static_cast<float>(i % 5) - 2;
  std::vector<double> seconds;
  for (int i = 0; i < 41; ++i) {
    const auto start = std::chrono::steady_clock::now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, m, n, k, 1, a.data(), k, b.data(), n, 0, c.data(), n);
    seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  std::sort(seconds.begin(), seconds.end());
  const double median = seconds[seconds.size() / 2];
  std::printf("{\"m\":%d,\"n\":%d,\"k\":%d,\"gflops\":%.1f}\n", m, n, k, 2e-9 * m * n * k / median);
}
