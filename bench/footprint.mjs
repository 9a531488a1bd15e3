// Measures what a package costs before it does anything: size on disk, and time and memory of an import. For neurode it also
// measures what the first epoch of MNIST costs in addition to the epoch itself. Prints JSON. Packages are measured alternately:
//   node bench/footprint.mjs <project>:<package>[,<package>…] … [torch:<python>]

import { spawnSync } from 'node:child_process'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'

const rounds = 9

const importing = (packages) => `
  const [start, before] = [performance.now(), process.cpuUsage()]
  ${packages.map((name) => `await import('${name}')`).join('\n')}
  const { user, system } = process.cpuUsage(before)
  const milliseconds = performance.now() - start
  console.log(JSON.stringify({ milliseconds, processor: (user + system) / 1e3, megabytes: process.memoryUsage.rss() / 1e6 }))`

const importingTorch = `
import json, time
start, before = time.perf_counter(), time.process_time()
import torch
processor, milliseconds = (time.process_time() - before) * 1e3, (time.perf_counter() - start) * 1e3
megabytes = int(open('/proc/self/statm').read().split()[1]) * 4096 / 1e6
print(json.dumps(dict(milliseconds=milliseconds, processor=processor, megabytes=megabytes, version=torch.__version__)))`

const training = `
  import { datasets, layers, sequential } from 'neurode'
  const { train } = await datasets.mnist()
  const model = sequential([
    layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
    layers.dense({ units: 50, activation: 'relu' }),
    layers.dense({ units: 10, activation: 'softmax' }),
  ]).compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
  const start = performance.now()
  await model.fit(train.images, train.labels, { batchSize: 128, verbose: 0 })
  console.log(JSON.stringify({ epoch: performance.now() - start }))`

const node = (project, program) => () => run(process.execPath, ['--input-type=module', '--eval', program], project)

const subjects = [{ name: 'node', measure: node('.', importing([])) }, ...process.argv.slice(2).flatMap(subjectsOf)]
if (subjects.length === 1) throw new Error('usage: footprint.mjs <project>:<package>[,<package>…] … [torch:<python>]')
const results = subjects.map(() => [])
for (let round = 0; round < rounds; round++) {
  for (const [i, { measure }] of subjects.entries()) results[i].push(measure())
}
console.log(JSON.stringify({ node: process.version, subjects: subjects.map(describe) }, null, 2))

function subjectsOf(argument) {
  const at = argument.lastIndexOf(':')
  const [project, names] = [argument.slice(0, at), argument.slice(at + 1)]
  if (project === 'torch') return [{ name: 'torch', measure: () => run(names, ['-c', importingTorch], '.') }]
  const packages = names.split(',')
  const installed = sizeOf(join(project, 'node_modules'))
  return [
    { name: names, installed, measure: node(project, importing(packages)) },
    ...(packages.includes('neurode') ? [{ name: 'an epoch of MNIST', measure: node(project, training) }] : []),
  ]
}

/** The fastest run says most on a machine that other programs use, too. */
function describe({ name, installed }, i) {
  const least = (read) => Number(Math.min(...results[i].map(read)).toFixed(1))
  const [{ version, epoch }] = results[i]
  if (epoch !== undefined) return { name, millisecondsBesideTheEpoch: least((result) => result.wall - result.epoch) }
  return {
    name,
    ...(version === undefined ? {} : { version }),
    ...(installed === undefined ? {} : { installedMegabytes: Number((installed / 1e6).toFixed(1)) }),
    importMilliseconds: least(({ milliseconds }) => milliseconds),
    importProcessorMilliseconds: least(({ processor }) => processor),
    residentMegabytes: least(({ megabytes }) => megabytes),
  }
}

function run(program, args, cwd) {
  const start = performance.now()
  const { status, stdout, stderr, error } = spawnSync(program, args, { encoding: 'utf8', cwd })
  const wall = performance.now() - start
  if (status !== 0) throw error ?? new Error(stderr)
  return { wall, ...JSON.parse(stdout.trim().split('\n').at(-1)) }
}

function sizeOf(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}
