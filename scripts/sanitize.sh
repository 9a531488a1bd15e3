#!/usr/bin/env bash
# Builds the native test programs with sanitizers and runs them: `address` (with undefined behaviour) or `thread`. With
# `address` it also builds the addon, on which Node runs random sequences of fits, and calls whose arrays are detached
# meanwhile.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  address) sanitizers=address,undefined folder=build/asan programs=(cgroup_test ops_test random_test engine_test graph_test threads_test order_test parts_test decimal_test serve_test) ;;
  thread) sanitizers=thread folder=build/tsan programs=(engine_test graph_test threads_test order_test parts_test) ;;  # the other programs have one thread
  *) echo "usage: scripts/sanitize.sh address|thread" >&2; exit 2 ;;
esac

targets=("${programs[@]}")
addon=()
if [ "$1" = address ]; then
  node scripts/prepare.mjs test
  targets+=(neurode)
  addon=(-DCMAKE_JS_INC="$(node -p "require('node-api-headers').include_dir")" -DCMAKE_LIBRARY_OUTPUT_DIRECTORY="$PWD/$folder")
fi
NEURODE_CUDA_ARCHS=none cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DNEURODE_NATIVE_TESTS=ON \
  -DNEURODE_SANITIZE=$sanitizers "${addon[@]}" >"$folder.log" || {
  cat "$folder.log"
  exit 1
}
cmake --build "$folder" --parallel "$(nproc)" --target "${targets[@]}"

export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# With strong address randomization the thread sanitizer cannot map its shadow memory.
fixed_addresses=(setarch "$(uname -m)" --addr-no-randomize)
"${fixed_addresses[@]}" true 2>/dev/null || fixed_addresses=()

for program in "${programs[@]}"; do
  echo "$program with the $1 sanitizer"
  "${fixed_addresses[@]}" "$folder/$program"
done

if [ "$1" = address ]; then
  echo 'the addon with the address sanitizer'
  # Node itself is built without the sanitizer, so the library is loaded first and handles the signals. Memory that Node does
  # not free at its end is not reported as a leak.
  preloaded=$(g++ -print-file-name=libasan.so):$(g++ -print-file-name=libubsan.so)
  LD_PRELOAD=$preloaded ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0:handle_segv=2:handle_sigbus=2 \
    NEURODE_NATIVE_PATH=$PWD/$folder/neurode.node NEURODE_CUDA=off \
    "${fixed_addresses[@]}" node scripts/run-suites.mjs build/test/fit-sequences.test.js build/test/lent-arrays.test.js build/test/shared-arrays.test.js
fi
