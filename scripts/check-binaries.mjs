// What the built addon, and the CUDA library beside it, may need, export and weigh.

import { spawnSync } from 'node:child_process'
import { existsSync, statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const folder = join(dirname(fileURLToPath(import.meta.url)), '../build/Release')
const mayNeed = /^(libc|libm|libpthread|libdl|librt|ld-linux[\w-]*)\.so\.\d+$/
/** What the static libgcc of Debian 12 asks for: machines with an older glibc build their own. */
const newestGlibc = [2, 35]

examine('neurode.node', 3_000_000, ['napi_register_module_v1', 'node_api_module_get_api_version_v1'])
if (existsSync(join(folder, 'neurode_cuda.so'))) examine('neurode_cuda.so', 20_000_000, ['neurode_cuda_plugin'])
else console.log('neurode_cuda.so: not built, as no CUDA compiler was found')

/** Checks one file; it must export the first of `mayExport`. */
function examine(name, mostBytes, mayExport) {
  const path = join(folder, name)
  const failures = []
  const check = (holds, message) => {
    if (!holds) failures.push(message)
  }

  const needed = matches(read(path, 'readelf', '-dW'), /\(NEEDED\).*\[(.+)\]/g)
  check(needed.length > 0, 'no NEEDED entries could be read')
  for (const library of needed) check(mayNeed.test(library), `it needs ${library}`)

  const exported = read(path, 'nm', '-D', '--defined-only')
    .trim()
    .split('\n')
    .map((line) => line.split(' ').at(-1))
  for (const symbol of exported) check(mayExport.includes(symbol), `it exports ${symbol}`)
  check(exported.includes(mayExport[0]), `it does not export ${mayExport[0]}`)

  const [stack] = matches(read(path, 'readelf', '-lW'), /GNU_STACK.* ([RWE ]{3}) 0x/g)
  check(stack === 'RW ', `its stack has the flags '${stack}'`)

  const versions = matches(read(path, 'readelf', '-VW'), /Name: GLIBC_([\d.]+)/g).map((text) =>
    text.split('.').map(Number),
  )
  for (const version of versions) check(!isNewer(version, newestGlibc), `it needs glibc ${version.join('.')}`)

  const { size } = statSync(path)
  check(size < mostBytes, `it has ${size} bytes, and may have ${mostBytes}`)
  const debugSections = matches(read(path, 'readelf', '-SW'), /\s(\.debug_\w+|\.symtab)\s/g)
  check(debugSections.length === 0, `it is not stripped: ${debugSections.join(', ')}`)

  for (const failure of failures) console.log(`${name}: ${failure}`)
  const newest = versions.reduce((a, b) => (isNewer(b, a) ? b : a), [0])
  console.log(`${name}: ${size} bytes, needs ${needed.join(', ')} and glibc ${newest.join('.')}`)
  if (failures.length > 0) process.exitCode = 1
}

function read(path, program, ...options) {
  const { status, stdout, stderr, error } = spawnSync(program, [...options, path], { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${program} failed: ${error?.message ?? stderr}`)
  return stdout
}

function matches(text, pattern) {
  return [...text.matchAll(pattern)].map(([, group]) => group)
}

function isNewer(a, b) {
  const i = a.findIndex((part, at) => part !== (b[at] ?? 0))
  return i >= 0 && a[i] > (b[i] ?? 0)
}
