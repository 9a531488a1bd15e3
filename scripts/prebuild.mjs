// `npm run prebuild [-- --arch arm64]`: writes prebuilds/<platform>-<arch>/ with the addon, and with the CUDA library if one is
// built.

import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs, promisify } from 'node:util'
import prebuildify from 'prebuildify'
import { detectLibc } from '../dist/native/libc.js'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const { values } = parseArgs({ options: { arch: { type: 'string', default: process.arch } } })
const { platform } = process
const target = `${platform}-${values.arch}`
const isCross = platform === 'linux' && values.arch !== process.arch
if (isCross && !existsSync(join(root, 'cmake', `${target}.cmake`))) {
  throw new Error(`--arch: no cmake/${target}.cmake says how to compile for ${target} here`)
}

// Each C library is built in its own folder, so that build/Release remains the build that the tests use.
const libc = detectLibc()?.name
const stage = join(root, 'build', 'prebuild', [target, libc].filter(Boolean).join('-'))
const folder = join(root, 'prebuilds', target)
mkdirSync(stage, { recursive: true })
// prebuildify moves the first addon that it finds away; without a clean folder CMake would find nothing to do the next time.
rmSync(join(stage, 'build', 'Release'), { recursive: true, force: true })
// cmake-js configures again only if this file is missing. That is needed because environment variables name the CUDA compiler
// and its architectures.
rmSync(join(stage, 'build', 'CMakeCache.txt'), { force: true })

await promisify(prebuildify)({
  cwd: stage,
  out: root,
  name: 'neurode',
  arch: values.arch,
  platform,
  targets: [process.versions.node],
  napi: true,
  strip: true,
  stripBin: isCross && values.arch === 'arm64' ? 'aarch64-linux-gnu-strip' : 'strip',
  tagLibc: libc ?? false,
  nodeGyp: join(root, 'scripts', 'node-gyp-to-cmake-js.mjs'),
  ...(platform === 'win32' && { nodeGyp: `node "${join(root, 'scripts', 'node-gyp-to-cmake-js.mjs')}"` }),
})
console.log(`prebuilds/${target}: ${readdirSync(folder).join(', ')}`)
