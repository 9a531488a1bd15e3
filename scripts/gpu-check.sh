#!/usr/bin/env bash
# For a machine with a GPU and nothing else installed: unpacks what scripts/gpu-pack.sh packed, runs the suites, the benchmarks
# and the benchmarks of other libraries (peers), and writes summary.jsonl, bench.jsonl, peers.jsonl, machine.txt and log.txt.
#   scripts/gpu-check.sh [--pack FOLDER] [--out FOLDER] [--small] [tests] [bench] [peers]
# The default folders are gpu-pack, and $OUT or gpu-results. --small uses sizes for the emulator. If parts are named, only
# these run, else all. A failure does not stop the script; the exit code is 1 if a part failed.
set -uo pipefail
cd "$(dirname "$0")/.."
pack=gpu-pack out=${OUT:-gpu-results} small=() parts=()
while [ $# -gt 0 ]; do
  case $1 in
    --pack) pack=$2; shift 2 ;;
    --out) out=$2; shift 2 ;;
    --small) small=(--small); shift ;;
    tests | bench | peers) parts+=("$1"); shift ;;
    *) sed -n 's/^#   //p' "$0" >&2; exit 2 ;;
  esac
done
[ ${#parts[@]} -gt 0 ] || parts=(bench tests peers)
mkdir -p "$out"
out=$(cd "$out" && pwd)
summary=$out/summary.jsonl log=$out/log.txt
: >"$summary"
: >"$log"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0

say() { echo "$1" | tee -a "$summary"; }

# step NAME SECONDS FILE COMMAND...: the command's JSON Lines go to FILE, all other output to the log. The reason of a failure
# is the last line that the command wrote to stderr.
step() {
  local name=$1 limit=$2 file=$3 start=$SECONDS status reason
  shift 3
  echo "== $name: $*" >>"$log"
  timeout "$limit" "$@" > >(tee -a "$log" | grep '^{' >>"$file") 2>"$work/stderr"
  status=$?
  cat "$work/stderr" >>"$log"
  if [ $status -eq 0 ]; then
    say "{\"step\":\"$name\",\"status\":\"passed\",\"seconds\":$((SECONDS - start))}"
  else
    failed=1
    reason=$(grep -v '^[[:space:]]*$' "$work/stderr" | tail -n 1 | cut -c1-400 | tr -d '"\\\000-\037')
    [ $status -ne 124 ] || reason="it took more than $limit seconds"
    say "{\"step\":\"$name\",\"status\":\"failed\",\"exit\":$status,\"seconds\":$((SECONDS - start)),\"reason\":\"$reason\"}"
  fi
}

skip() { say "{\"step\":\"$1\",\"status\":\"not run\",\"reason\":\"$2\"}"; }

if ! tar -xJf "$pack/neurode.tar.xz" -C "$work" 2>>"$log"; then
  say "{\"step\":\"unpack\",\"status\":\"failed\",\"reason\":\"$pack/neurode.tar.xz does not unpack here\"}"
  exit 1
fi
cd "$work/neurode" || exit 1
export PATH=$PWD/bin:$PATH HOME=$work NEURODE_DATA=$PWD/mnist
[ -f "$NEURODE_DATA/train-images-idx3-ubyte.gz" ] || [ -f "$NEURODE_DATA/train-images-idx3-ubyte" ] || unset NEURODE_DATA

{
  date -u +%FT%TZ
  uname -srm
  getconf GNU_LIBC_VERSION
  nproc
  nvidia-smi || echo 'no nvidia-smi'
  nvcc --version || echo 'no nvcc'
  node bin/../dist/cli/main.js doctor
} >"$out/machine.txt" 2>&1
[ -f "$OLDPWD/$pack/commit" ] && cat "$OLDPWD/$pack/commit" >>"$out/machine.txt"

bench() { step "bench $1" "${limit:-180}" "$out/bench.jsonl" node build/bench/main.js "${@:2}" --json; }

run_bench() {
  if [ ${#small[@]} -gt 0 ]; then
    bench train train --device cuda --rows 256 --epochs 1
    bench 'copies and products' gemm --device cuda
    bench predict predict --device cuda --net 20,10,3
    return
  fi
  bench 'reference job' train --device cuda --epochs 20
  bench 'reference job, batch 1024' train --device cuda --batch 1024 --epochs 10
  local large=4096,4096,4096,4096,4096,4096,4096,4096,4096
  for precision in bfloat16 tf32 float32; do
    bench "8 layers of 4096, $precision" train --device cuda --net $large --batch 8192 --rows 65536 --epochs 3 --precision $precision
  done
  for precision in bfloat16 tf32; do
    NEURODE_CUDA_LIB_DIR=off bench "8 layers of 4096, $precision, without cuBLASLt" \
      train --device cuda --net $large --batch 8192 --rows 65536 --epochs 3 --precision $precision
  done
  bench 'copies and products' gemm --device cuda
  bench predict predict --device cuda
}

run_tests() { step 'suites' 560 "$summary" node scripts/test-gpu.mjs "${small[@]}"; }

# peer NAME MODULE ARGUMENTS...
peer() {
  local script=bench/peers/$1.py
  if ! command -v python3 >/dev/null; then skip "peer $1" 'there is no python3'; return; fi
  if ! python3 -c "import $2" >/dev/null 2>&1; then skip "peer $1" "Python has no $2"; return; fi
  step "peer $1 ${*:3}" 180 "$out/peers.jsonl" env -u HOME python3 "$script" "${@:3}"
}

run_peers() {
  local sizes=(--epochs 10) large=4096,4096,4096,4096,4096,4096,4096,4096,4096
  [ ${#small[@]} -gt 0 ] && sizes=(--epochs 1 --rows 512)
  peer pytorch torch "${sizes[@]}"
  peer jax jax "${sizes[@]}"
  [ ${#small[@]} -gt 0 ] && return
  peer pytorch torch --net $large --batch 8192 --rows 65536 --epochs 3 --precision bfloat16
  peer jax jax --net $large --batch 8192 --rows 65536 --epochs 3 --precision bfloat16
}

for part in "${parts[@]}"; do "run_$part"; done
cat "$out/bench.jsonl" "$out/peers.jsonl" 2>/dev/null
exit $failed
