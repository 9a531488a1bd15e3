#!/usr/bin/env bash
# Runs under qemu-user: the native tests, and the tests of models on the arm64 prebuild. It needs Debian's
# g++-aarch64-linux-gnu and qemu-user; Node for arm64 comes from npm.
set -euo pipefail
cd "$(dirname "$0")/.."
emulate=(qemu-aarch64 -L /usr/aarch64-linux-gnu)

cmake -S . -B build/arm64-tests -DCMAKE_BUILD_TYPE=Release -DNEURODE_NATIVE_TESTS=ON \
  -DCMAKE_TOOLCHAIN_FILE="$PWD/cmake/linux-arm64.cmake" >build/arm64-tests.log || {
  cat build/arm64-tests.log
  exit 1
}
cmake --build build/arm64-tests --parallel "${NEURODE_BUILD_JOBS:-$(nproc)}"
for program in cgroup_test ops_test random_test engine_test graph_test threads_test order_test decimal_test serve_test; do
  echo "$program on arm64"
  "${emulate[@]}" "build/arm64-tests/$program"
done

node=$(node scripts/node-binary.mjs linux-arm64 20)
# The trainings on the real MNIST would take an hour.
unset NEURODE_DATA
export NEURODE_NATIVE_PATH=$PWD/prebuilds/linux-arm64/neurode.glibc.node NEURODE_CUDA=off
# The suites of models. Not among them: suites that start processes, which is impossible for a Node of another architecture,
# and suites that measure memory.
tests=(batches bad-input bad-layers bad-options callbacks custom dense determinism fit golden-activations golden-coverage golden-initializers
  golden-layers golden-losses golden-metrics golden-optimizers golden-training golden-tutorials layer-state layers ops
  references row-sources row-weights streams updates)
"${emulate[@]}" "$node" --expose-gc node_modules/mocha/lib/cli/cli.js --no-config --timeout 600000 \
  --require build/test/support/setup.js --grep 'NEURODE_ISA' --invert \
  "${tests[@]/#/build/test/}" --extension test.js
