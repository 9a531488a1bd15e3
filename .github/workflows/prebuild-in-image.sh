#!/bin/sh
# Prebuilds for Linux in an image with an old glibc, or with musl.
set -eu
if [ -f /etc/alpine-release ]; then
  apk add --no-cache g++ make cmake binutils
else
  PATH=/opt/node/bin:$PATH
  if [ "${CUDA:-}" = true ]; then
    # 12.8 reaches back to drivers of version 525.
    dnf install -y 'dnf-command(config-manager)'
    dnf config-manager --add-repo https://developer.download.nvidia.com/compute/cuda/repos/rhel8/x86_64/cuda-rhel8.repo
    dnf install -y cuda-nvcc-12-8 cuda-cudart-devel-12-8
    export CUDA_HOME=/usr/local/cuda-12.8
  fi
fi
npm ci
npm run prebuild
node scripts/check-binaries.mjs prebuilds/*/*
