// Measures how many lines of the C++ sources the native test programs run, for each folder: builds the programs for gcov, runs
// them and counts.

import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

process.chdir(join(dirname(fileURLToPath(import.meta.url)), '..'))
const folder = join('build', 'coverage', 'native')

/** By the path of a source, then by line number: whether any of the programs that contain the line ran it. */
const sources = new Map()

build()
for (const path of filesIn(folder, '.gcda')) rmSync(path)
for (const program of filesIn(folder, '_test')) run(program, [])
for (const data of filesIn(folder, '.gcda')) count(data)
print()

function build() {
  const flags = '-O1 --coverage -fprofile-update=atomic'
  const options = ['-DCMAKE_BUILD_TYPE=Coverage', `-DCMAKE_CXX_FLAGS=${flags}`, '-DNEURODE_NATIVE_TESTS=ON']
  run('cmake', ['-S', '.', '-B', folder, ...options], { ...process.env, NEURODE_CUDA_ARCHS: 'none' })
  run('cmake', ['--build', folder, '--parallel', String(availableParallelism())])
}

function count(data) {
  const root = `${process.cwd()}/`
  for (const line of run('gcov', ['--json-format', '--stdout', data]).split('\n')) {
    if (line === '') continue
    for (const { file, lines } of JSON.parse(line).files) {
      const path = file.replace(root, '')
      if (!path.startsWith('native/')) continue
      const known = sources.get(path) ?? new Map()
      for (const { line_number, count } of lines) known.set(line_number, known.get(line_number) || count > 0)
      sources.set(path, known)
    }
  }
}

function print() {
  const folders = new Map()
  for (const [path, lines] of sources) {
    const sum = folders.get(dirname(path)) ?? { all: 0, ran: 0 }
    sum.all += lines.size
    sum.ran += [...lines.values()].filter(Boolean).length
    folders.set(dirname(path), sum)
  }
  for (const [name, { all, ran }] of [...folders].sort()) console.log(share(name, ran, all))
  const total = [...folders.values()].reduce((a, b) => ({ all: a.all + b.all, ran: a.ran + b.ran }))
  console.log(share('C++ lines', total.ran, total.all))
}

function share(name, ran, all) {
  return `${name.padEnd(24)} ${((100 * ran) / all).toFixed(1).padStart(5)} % of ${all}`
}

function filesIn(root, end) {
  const names = readdirSync(root, { recursive: true, encoding: 'utf8' })
  return names.filter((name) => name.endsWith(end)).map((name) => join(root, name))
}

function run(program, args, env = process.env) {
  const { status, stdout, stderr, error } = spawnSync(program, args, { env, encoding: 'utf8', maxBuffer: 1 << 30 })
  if (status !== 0) throw new Error(`${program} ${args.join(' ')}: ${error?.message ?? stdout + stderr}`)
  return stdout
}
