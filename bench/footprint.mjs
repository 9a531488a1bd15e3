// What a package costs before it does anything: `footprint.mjs <project> <package…>`, for packages installed in a project's
// folder. Its size on disk, the time and memory of an import, and, of neurode, all that one epoch of MNIST costs besides
// the epoch. Prints JSON.

import { spawnSync } from 'node:child_process'
import { readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const [project, ...packages] = process.argv.slice(2)
if (packages.length === 0) throw new Error('usage: footprint.mjs <project> <package…>')
const runs = 9

const importing = `
  const start = performance.now()
  ${packages.map((name) => `await import('${name}')`).join('\n')}
  console.log(JSON.stringify({ milliseconds: performance.now() - start, megabytes: process.memoryUsage.rss() / 1e6 }))`

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

// Of runs on a machine that does other things too, the quickest says most.
const least = (values) => Math.min(...values)
const rounded = (value) => Number(value.toFixed(1))
const idle = repeat("console.log('{}')")
const imports = repeat(importing)
const report = {
  packages,
  node: process.version,
  installedMegabytes: rounded(sizeOf(join(project, 'node_modules')) / 1e6),
  importMilliseconds: rounded(least(imports.map(({ milliseconds }) => milliseconds))),
  processMilliseconds: rounded(least(imports.map(({ wall }) => wall))),
  emptyProcessMilliseconds: rounded(least(idle.map(({ wall }) => wall))),
  residentMegabytes: rounded(least(imports.map(({ megabytes }) => megabytes))),
}
if (packages.includes('neurode')) {
  report.mnistMillisecondsBesideTheEpoch = rounded(least(repeat(training).map(({ wall, epoch }) => wall - epoch)))
}
console.log(JSON.stringify(report, null, 2))

function repeat(program) {
  const file = join(project, 'footprint-program.mjs')
  writeFileSync(file, program)
  const results = Array.from({ length: runs }, () => {
    const start = performance.now()
    const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: 'utf8' })
    const wall = performance.now() - start
    if (status !== 0) throw new Error(stderr)
    return { wall, ...JSON.parse(stdout.trim().split('\n').at(-1)) }
  })
  rmSync(file)
  return results
}

function sizeOf(path) {
  const stats = statSync(path)
  if (!stats.isDirectory()) return stats.size
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0)
}
