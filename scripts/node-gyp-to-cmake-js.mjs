#!/usr/bin/env node
// Replaces node-gyp under prebuildify: the command `rebuild --arch=X …` becomes a build with cmake-js in a folder of its own.

import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const arch = process.argv.find((argument) => argument.startsWith('--arch='))?.slice('--arch='.length) ?? process.arch
const cmakeJs = createRequire(import.meta.url).resolve('cmake-js/bin/cmake-js')
const options = ['build', '--directory', root, '--out', 'build', '--arch', arch]
options.push('--parallel', process.env.NEURODE_BUILD_JOBS ?? String(availableParallelism()))
if (process.platform === 'linux' && arch !== process.arch) {
  options.push(`--CDCMAKE_TOOLCHAIN_FILE=${join(root, 'cmake', `linux-${arch}.cmake`)}`)
}
// Visual Studio's own compiler cannot be used: the kernels use vector types that only g++ and clang support.
if (process.platform === 'win32') options.push('--generator', 'Ninja', '--cxx', 'clang++')
const { status, error } = spawnSync(process.execPath, [cmakeJs, ...options], { stdio: 'inherit' })
if (error) throw error
process.exitCode = status ?? 1
