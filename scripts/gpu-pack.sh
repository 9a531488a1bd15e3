#!/usr/bin/env bash
# Packs everything that scripts/gpu-check.sh needs on a machine with a GPU and nothing else installed: the build, the packages
# of the tests, MNIST and Node itself, in one folder of less than 64 MiB.
#   scripts/gpu-pack.sh [FOLDER]
# The default folder is gpu-pack. MNIST comes from the folder that NEURODE_DATA names. NEURODE_CUDA_ARCHS names the
# architecture; the default is 90.
set -euo pipefail
cd "$(dirname "$0")/.."
pack=${1:-gpu-pack}
most=$((64 << 20))
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

export NEURODE_CUDA_ARCHS=${NEURODE_CUDA_ARCHS:-90}
built=$(sed -n 's/^gpu-pack for //p' build/gpu-pack.stamp 2>/dev/null || true)
[ "$built" = "$NEURODE_CUDA_ARCHS" ] || rm -f build/CMakeCache.txt build/addon.stamp
node scripts/prepare.mjs test bench
echo "gpu-pack for $NEURODE_CUDA_ARCHS" >build/gpu-pack.stamp
[ -f build/Release/neurode_cuda.so ] || echo 'gpu-pack: without the CUDA library, which was not built' >&2

# The packages that the tests load, with their dependencies.
packages() {
  node -e '
    const { existsSync, readFileSync } = require("node:fs")
    const found = new Set()
    const add = (name, from) => {
      const places = [`${from}/node_modules/${name}`, `node_modules/${name}`]
      const place = places.find((path) => existsSync(`${path}/package.json`))
      if (place === undefined || found.has(place)) return
      found.add(place)
      const { dependencies = {} } = JSON.parse(readFileSync(`${place}/package.json`, "utf8"))
      for (const other of Object.keys(dependencies)) add(other, place)
    }
    for (const name of ["mocha"]) add(name, ".")
    console.log([...found].join("\n"))'
}

root=$work/neurode
mkdir -p "$root"
mapfile -t parts < <(
  packages
  printf '%s\n' package.json .mocharc.json dist build/test build/bench build/Release scripts bench/peers test/golden
  for part in build/examples build/emulator/neurode_cuda_emulated.so build/emulator/neurode_cuda_other.so build/emulator/cublas; do
    [ -e "$part" ] && echo "$part"
  done
)
tar -c --exclude='*.map' --exclude='*.d.ts' --exclude='*.a' "${parts[@]}" | tar -x -C "$root"
mkdir "$root/mnist"
if [ -n "${NEURODE_DATA:-}" ]; then
  for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do
    cp "$NEURODE_DATA/$name-ubyte"* "$root/mnist/"
  done
  chmod -R u+w "$root/mnist"
fi
mkdir "$root/bin"
cp "$(node -p process.execPath)" "$root/bin/node"
strip "$root/bin/node"

rm -rf "$pack"
mkdir -p "$pack"
tar -c -C "$work" neurode | xz -T0 -3 >"$pack/neurode.tar.xz"
git log -1 --format='%H %cI' >"$pack/commit" 2>/dev/null || echo unknown >"$pack/commit"
size=$(du -sb "$pack" | cut -f1)
echo "$pack: $size bytes, for ${NEURODE_CUDA_ARCHS}"
[ "$size" -lt "$most" ] || { echo "gpu-pack: more than $most bytes" >&2; exit 1; }
