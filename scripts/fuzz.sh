#!/usr/bin/env bash
# fuzz.sh [seconds] [reader...]: runs libFuzzer on the native readers, with the address and undefined behaviour sanitizers, for
# 20 seconds each by default. The inputs in test/fuzz/corpus are the start. `fuzz.sh keep [reader...]` renews that corpus from
# its inputs and from those found since. Inputs on which a reader fails are written to build/fuzz.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-20}
shift || true
readers=("$@")
[ ${#readers[@]} -gt 0 ] || readers=(decimals json request_heads tensor_requests)

mkdir -p build
CXX=clang++ cmake -S . -B build/fuzz -DCMAKE_BUILD_TYPE=Release -DNEURODE_FUZZERS=ON >build/fuzz.log || {
  cat build/fuzz.log
  exit 1
}
cmake --build build/fuzz --parallel "$(nproc)" --target "${readers[@]/#/fuzz_}"

export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1
export UBSAN_OPTIONS=print_stacktrace=1
# With strong address randomization the address sanitizer of older compilers cannot map its shadow memory.
fixed_addresses=(setarch "$(uname -m)" --addr-no-randomize)
"${fixed_addresses[@]}" true 2>/dev/null || fixed_addresses=()

fuzz() {
  local reader=$1 found=build/fuzz/found/$1 kept=test/fuzz/corpus/$1
  mkdir -p "$found"
  if [ "$seconds" = keep ]; then
    mkdir -p build/fuzz/merged/"$reader"
    "${fixed_addresses[@]}" build/fuzz/fuzz_"$reader" -set_cover_merge=1 -use_counters=0 build/fuzz/merged/"$reader" "$kept" "$found"
    rm -rf "$kept" && mv build/fuzz/merged/"$reader" "$kept"
  else
    "${fixed_addresses[@]}" build/fuzz/fuzz_"$reader" -max_total_time="$seconds" -max_len=1024 -timeout=10 -rss_limit_mb=1024 \
      -print_final_stats=1 -verbosity=0 -dict=test/fuzz/"$reader".dict -artifact_prefix=build/fuzz/"$reader"- "$found" "$kept"
  fi
}
for reader in "${readers[@]}"; do
  echo "$reader"
  fuzz "$reader"
done
