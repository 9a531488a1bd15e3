// The order of the native code: which folder may include which files.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/**
 * By folder: what its files may include in addition to files of the same folder. Each entry is a folder, without its
 * subfolders, or a single file.
 */
const order = {
  // Each kind of op has one header that includes its rows, which are in a folder of the kind.
  'native/ops/activations': ['native/ops'],
  'native/ops/losses': ['native/ops'],
  'native/ops': ['native/ops/activations', 'native/ops/losses'],
  'native/engine': ['native/ops'],
  'native/serve': ['native/engine/error.h', 'native/engine/number_text.h', 'third_party/fast_float/fast_float.h'],
  // These files are compiled once for each instruction set, so functions of the same name exist several times. So no other file
  // includes this folder, and it includes little.
  'native/cpu/isa': ['native/cpu/kernels.h', 'native/cpu/optimizer_step.h', 'native/ops'],
  'native/cpu': ['native/engine', 'native/ops'],
  'native/devices': ['native/engine', 'native/cpu/device.h'],
  'native/distributed': ['native/engine'],
  'native/addon': ['native/engine', 'native/serve', 'native/devices', 'native/distributed', 'native/cpu/measure.h'],
  native: [],
  'cuda/runtime': ['native/engine', 'tools/cuda-emulator/cuda_emulator.h'],
  'cuda/kernels': ['cuda/runtime', 'native/engine', 'native/ops'],
  'cuda/wide': ['cuda/kernels', 'cuda/runtime', 'native/engine'],
  cuda: ['cuda/wide', 'cuda/kernels', 'cuda/runtime', 'native/engine', 'native/ops'],
}
/** Files that may be included only under a macro. */
const conditional = { 'tools/cuda-emulator/cuda_emulator.h': 'NEURODE_CUDA_EMULATOR' }
const isSource = /\.(?:h|cc|cu)$/
const others = ['native/addon/exports.map']

/** Returns all includes in native/ and cuda/ that break the order. */
export function checkIncludes() {
  const files = ['native', 'cuda'].flatMap(filesIn).filter((path) => !others.includes(path))
  const unread = files.filter((path) => !isSource.test(path) || !(dirname(path) in order))
  const read = files.filter((path) => !unread.includes(path))
  const includes = new Map(read.map((path) => [path, includesOf(path)]))
  return [
    ...unread.map((path) => `${path}: it was not read`),
    ...[...includes].flatMap(([from, found]) => found.flatMap((include) => problemsOf(from, include))),
    ...circles(new Map([...includes].map(([from, found]) => [from, found.map(({ path }) => path)]))),
  ]
}

/** The project's files that a file includes: each path, and the preprocessor conditions around it. */
function includesOf(file) {
  const found = []
  const conditions = []
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [, word, rest] = /^\s*#\s*(\w+)\s*(.*)$/.exec(line) ?? []
    if (/^if/.test(word)) conditions.push(word === 'ifndef' ? '' : rest)
    if (/^el/.test(word)) conditions.splice(-1, 1, '')
    if (word === 'endif') conditions.pop()
    if (word !== 'include') continue
    const path = /^["<]([^">]*)[">]/.exec(rest)?.[1] ?? rest
    const isSystem = rest.startsWith('<') && !existsSync(path)
    if (!isSystem) found.push({ path, conditions: [...conditions] })
  }
  return found
}

function problemsOf(from, { path, conditions }) {
  const folder = dirname(from)
  const allowed = [folder, ...order[folder]]
  if (!existsSync(path)) return [`include: ${from} -> ${path}: there is no such file from the root on`]
  if (!allowed.includes(path) && !allowed.includes(dirname(path))) return [`order-of-includes: ${from} -> ${path}`]
  const macro = conditional[path]
  const isUnderIt = conditions.some((condition) => condition.includes(macro) && !condition.includes('!'))
  return macro && !isUnderIt ? [`include: ${from} -> ${path}: only under ${macro}`] : []
}

/** Cycles of includes, each once. */
function circles(includes) {
  const found = []
  const done = new Set()
  const visit = (path, way) => {
    const from = way.indexOf(path)
    if (from >= 0) found.push(`circle-of-includes: ${[...way.slice(from), path].join(' -> ')}`)
    if (from >= 0 || done.has(path)) return
    for (const next of includes.get(path) ?? []) visit(next, [...way, path])
    done.add(path)
  }
  for (const path of includes.keys()) visit(path, [])
  return found
}

function filesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map((entry) => join(entry.parentPath, entry.name).replaceAll('\\', '/'))
}
