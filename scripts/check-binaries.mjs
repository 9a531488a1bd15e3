// Checks what a built binary needs, what it exports and how large it is: `check-binaries.mjs [file…]`; without files, the
// binaries that were built and those in prebuilds/. A .node file is the addon, a .so file the CUDA library.

import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const root = join(dirname(fileURLToPath(import.meta.url)), '..')

/** The oldest glibc that Node 20 runs on. native/old_glibc.cc makes binaries that are built with a newer glibc run on it. */
const oldestGlibc = [2, 28]
const { positionals } = parseArgs({ allowPositionals: true })

const systemLibraries = /^(?:lib(?:c|m|pthread|dl|rt)\.so\.\d+|ld-linux[\w-]*\.so\.\d+|libc\.musl-\w+\.so\.1)$/
/** The number of CUDA architectures in the library: the limit on its size is smaller for fewer of them. */
const cudaArchs = process.env.NEURODE_CUDA_ARCHS?.match(/\d+a?/g)?.length ?? 7
/** A binary must export the first name of `exports` and may export the others. */
const kinds = {
  '.node': { most: 3_000_000, exports: ['napi_register_module_v1', 'node_api_module_get_api_version_v1'] },
  '.so': { most: Math.ceil((20_000_000 * cudaArchs) / 7), exports: ['neurode_cuda_plugin'] },
}

/** Each gate returns the problems that it finds, as a list of sentences. */
const gates = {
  needs: ({ needed }) => needed.filter((name) => !systemLibraries.test(name)).map((name) => `it needs ${name}`),
  paths: ({ paths }) => paths.filter((path) => path !== '$ORIGIN').map((path) => `it looks for libraries in ${path}`),
  glibc: ({ versioned }) =>
    versioned
      .filter(({ version }) => isNewer(version, oldestGlibc))
      .map(
        ({ name, version }) => `it needs ${name} of glibc ${version.join('.')}, newer than ${oldestGlibc.join('.')}`,
      ),
  stack: ({ stack }) => (stack === 'RW ' ? [] : [`its stack has the flags '${stack}'`]),
  relro: ({ hasRelro, bindsNow }) => (hasRelro && bindsNow ? [] : ['its relocations stay writable: no full RELRO']),
  exports: ({ exported, kind }) => [
    ...exported.filter((name) => !kind.exports.includes(name)).map((name) => `it exports ${name}`),
    ...(exported.includes(kind.exports[0]) ? [] : [`it does not export ${kind.exports[0]}`]),
  ],
  size: ({ size, kind }) => (size < kind.most ? [] : [`it has ${size} bytes, and may have ${kind.most}`]),
  stripped: ({ debugSections }) =>
    debugSections.length > 0 ? [`it is not stripped: ${debugSections.join(', ')}`] : [],
}

const files = positionals.length > 0 ? positionals : findBinaries()
if (files.length === 0) throw new Error('no binary was built')
for (const file of files) check(file)

function check(file) {
  if (!isElf(file)) return console.log(`${file}: not an ELF file; only its size is checked${sizeOf(file)}`)
  const facts = readFacts(file)
  const problems = Object.entries(gates).flatMap(([name, gate]) => gate(facts).map((text) => `${name}: ${text}`))
  for (const problem of problems) console.log(`${file}: ${problem}`)
  if (problems.length > 0) process.exitCode = 1
  const { size, needed, glibc } = facts
  console.log(`${file}: ${size} bytes, needs ${needed.join(', ')} and glibc ${glibc.join('.') || 'none'}`)
}

function sizeOf(file) {
  const { size } = statSync(file)
  const { most } = kindOf(file)
  if (size >= most) process.exitCode = 1
  return `: ${size} bytes of ${most}`
}

function readFacts(file) {
  const dynamic = read('-dW', file)
  const segments = read('-lW', file)
  const symbols = read('--dyn-syms', '-W', file)
  const versioned = [...symbols.matchAll(/\sUND\s+([^\s@]+)@+GLIBC_([\d.]+)/g)].map(([, name, version]) => ({
    name,
    version: version.split('.').map(Number),
  }))
  return {
    kind: kindOf(file),
    size: statSync(file).size,
    needed: matches(dynamic, /\(NEEDED\).*\[(.+)\]/g),
    paths: matches(dynamic, /\((?:RPATH|RUNPATH)\).*\[(.+)\]/g).flatMap((text) => text.split(':')),
    bindsNow: /\(FLAGS(?:_1)?\).*\b(?:BIND_)?NOW\b/.test(dynamic),
    hasRelro: /GNU_RELRO/.test(segments),
    stack: matches(segments, /GNU_STACK.* ([RWE ]{3}) 0x/g)[0] ?? 'unknown',
    versioned,
    glibc: versioned.reduce((newest, { version }) => (isNewer(version, newest) ? version : newest), []),
    // The dynamic symbols that the binary defines, by name without version.
    exported: matches(symbols, /(?:GLOBAL|WEAK|UNIQUE)\s+DEFAULT\s+(?!UND)\S+\s+([^\s@]+)/g),
    debugSections: matches(read('-SW', file), /\s(\.debug_\w+|\.symtab)\s/g),
  }
}

function kindOf(file) {
  return kinds[/\.node$/.test(file) ? '.node' : '.so']
}

function isElf(file) {
  return readFileSync(file).subarray(0, 4).equals(Buffer.from('\x7fELF', 'latin1'))
}

function findBinaries() {
  const folders = [join(root, 'build', 'Release'), ...list(join(root, 'prebuilds'))]
  return folders.flatMap(list).filter((path) => /\.node$|^neurode_cuda\.so$/.test(basename(path)))
}

function list(folder) {
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : []
}

function read(...args) {
  const { status, stdout, stderr, error } = spawnSync('readelf', args, { encoding: 'utf8', maxBuffer: 1 << 26 })
  if (status !== 0) throw new Error(`readelf failed: ${error?.message ?? stderr}`)
  return stdout
}

function matches(text, pattern) {
  return [...text.matchAll(pattern)].map(([, group]) => group)
}

function isNewer(a, b) {
  const i = a.findIndex((part, at) => part !== (b[at] ?? 0))
  return i >= 0 && a[i] > (b[i] ?? 0)
}
