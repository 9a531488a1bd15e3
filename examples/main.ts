/** Runs one example, with a folder for its files: `npm run example -- <name>`, or `node node_modules/neurode/examples/main.js <name>`. */

import { mkdir, writeFile } from 'node:fs/promises'
import { join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { NeurodeError } from 'neurode'
import type { Picture } from 'neurode/plot'

/** The arguments of an example. */
export interface Surroundings {
  /** The folder for its files. */
  readonly folder: string
  /** A data file to use instead of the example's own data. */
  readonly data: string | undefined
  /** The data set to use. Default: the first one that is available. */
  readonly dataset: string | undefined
}

/** The result of an example: the numbers behind its output, and plots of them by name. */
export interface Outcome {
  readonly results: object
  readonly pictures: Readonly<Record<string, Picture>>
}

/** Runs the example and prints its results. */
export type Example = (surroundings: Surroundings) => Promise<Outcome>

const names = [
  'linear-regression',
  'two-layer-sigmoid',
  'perceptron',
  'mnist',
  'reinforce',
  'cart-pole',
  'generator-and-critic',
  'variational-autoencoder',
  'adversarial-digits',
]
const program = relative('', process.argv[1] ?? 'main.js')
const usage = `Usage: node ${program} ${names.join('|')} [--out FOLDER] [--data FILE] [--dataset mnist|synthetic]\n`

async function main(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: { out: { type: 'string' }, data: { type: 'string' }, dataset: { type: 'string' } },
    allowPositionals: true,
  })
  const [name = '', ...rest] = positionals
  if (!names.includes(name) || rest.length > 0) {
    process.stderr.write(usage)
    return 2
  }
  const folder = resolve(values.out ?? join('build', 'example-output', name))
  await mkdir(folder, { recursive: true })
  const { run } = (await import(`./${name}.js`)) as { run: Example }
  const { results, pictures } = await run({ folder, data: values.data, dataset: values.dataset })
  await writeFile(join(folder, 'results.json'), `${JSON.stringify(results, plainArrays, 2)}\n`)
  for (const [picture, drawn] of Object.entries(pictures)) {
    await drawn.save(join(folder, `${picture}.svg`))
    await drawn.save(join(folder, `${picture}.png`))
  }
  console.log(`\nNumbers and pictures are in ${relative('', folder) || '.'}`)
  return 0
}

function plainArrays(_key: string, value: unknown): unknown {
  return ArrayBuffer.isView(value) ? Array.from(value as Float32Array) : value
}

process.exitCode = await main(process.argv.slice(2)).catch((error: unknown) => {
  const isUsage = (error as NodeJS.ErrnoException).code?.startsWith('ERR_PARSE_ARGS')
  if (!isUsage && !(error instanceof NeurodeError)) throw error
  process.stderr.write(`${(error as Error).message}\n`)
  return isUsage ? 2 : 1
})
