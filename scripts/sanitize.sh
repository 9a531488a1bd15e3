#!/usr/bin/env bash
# Builds the native test programs with sanitizers and runs them: `address` (with undefined behaviour) or `thread`.
set -euo pipefail
cd "$(dirname "$0")/.."

case "${1:-}" in
  address) sanitizers=address,undefined folder=build/asan programs=(ops_test engine_test order_test serve_test) ;;
  thread) sanitizers=thread folder=build/tsan programs=(engine_test order_test) ;;  # the others have one thread
  *) echo "usage: scripts/sanitize.sh address|thread" >&2; exit 2 ;;
esac

cmake -S . -B "$folder" -DCMAKE_BUILD_TYPE=Release -DNEURODE_NATIVE_TESTS=ON -DNEURODE_SANITIZE=$sanitizers >"$folder.log" || {
  cat "$folder.log"
  exit 1
}
cmake --build "$folder" --parallel "$(nproc)" --target "${programs[@]}"

export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_init_order=1
export UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1
# The thread sanitizer cannot map its shadow where addresses are scattered widely.
fixed_addresses=(setarch "$(uname -m)" --addr-no-randomize)
"${fixed_addresses[@]}" true 2>/dev/null || fixed_addresses=()

for program in "${programs[@]}"; do
  echo "$program with the $1 sanitizer"
  "${fixed_addresses[@]}" "$folder/$program"
done
