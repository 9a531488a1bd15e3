#!/usr/bin/env bash
# Runs clang-format, with the options given, over all C++ and CUDA sources.
set -euo pipefail
cd "$(dirname "$0")/.."
roots=()
for root in native cuda tools test/native test/fuzz; do [ -d "$root" ] && roots+=("$root"); done
find "${roots[@]}" \( -name '*.cc' -o -name '*.h' -o -name '*.cu' -o -name '*.cuh' -o -name '*.inc' \) -print0 |
  xargs -0 clang-format "$@"
