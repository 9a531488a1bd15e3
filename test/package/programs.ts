/** What a user of the package writes: the files of a small project. */

const training = `
  const { train, test } = datasets.syntheticDigits({ seed: 1, train: 6_000, test: 1_000 })
  const model = sequential({
    layers: [
      layers.dense({ units: 32, activation: 'relu', inputShape: [784] }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
    seed: 1,
  }).compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'], device: 'cpu' })
  const { history } = await model.fit(train.images, train.labels, { epochs: 8, seed: 1, verbose: 0 })
  const { accuracy } = await model.evaluate(test.images, test.labels)
  const { data, shape } = await model.predict(test.images)
  if (!(accuracy > 0.5) || shape[1] !== 10 || !data.every(Number.isFinite)) throw new Error('accuracy ' + accuracy)
  const report = { losses: [...history.loss], accuracy, rows: shape[0] }
`

export const files = {
  'train.mjs': `
    import { datasets, layers, sequential } from 'neurode'
    ${training}
    console.log(JSON.stringify(report))
  `,
  'train.cjs': `
    const { datasets, layers, sequential } = require('neurode')
    async function main() {
      const imported = await import('neurode')
      if (imported.sequential !== sequential) throw new Error('require and import give different modules')
      ${training}
      console.log(JSON.stringify(report))
    }
    main()
  `,
  'worker.mjs': `
    import { isMainThread, parentPort, Worker } from 'node:worker_threads'
    import { datasets, layers, sequential } from 'neurode'
    if (isMainThread) {
      const worker = new Worker(new URL(import.meta.url))
      worker.on('message', (report) => console.log(JSON.stringify(report)))
      worker.on('error', (error) => { throw error })
    } else {
      ${training}
      parentPort.postMessage(report)
    }
  `,
  // Nothing but what package.json names can be had, nothing listens, and an import alone does nothing.
  'import.mjs': `
    import { readdirSync, readFileSync } from 'node:fs'
    import { createRequire } from 'node:module'
    await import('./empty.mjs')
    const threads = () => (process.platform === 'linux' ? readdirSync('/proc/self/task').length : 0)
    const before = threads()
    const { devices } = await import('neurode')
    const after = threads()
    const isLoaded = (name) => process.platform === 'linux' && readFileSync('/proc/self/maps', 'utf8').includes(name)
    const report = { threadsStarted: after - before, addon: isLoaded('neurode.'), cuda: isLoaded('libcuda'), refused: [], differing: [] }
    const require = createRequire(import.meta.url)
    report.exports = Object.keys(require('neurode/package.json').exports).map((path) => 'neurode' + path.slice(1))
    for (const name of report.exports.filter((name) => !name.endsWith('.json'))) {
      const [imported, required] = [await import(name), require(name)]
      if (!Object.keys(imported).every((key) => imported[key] === required[key])) report.differing.push(name)
    }
    for (const path of ['dist/index.js', 'dist/native.js', 'prebuilds/linux-x64/neurode.glibc.node', 'native/addon/addon.cc']) {
      await import('neurode/' + path).catch((error) => report.refused.push(error.code))
    }
    report.devices = devices().filter(({ available }) => available).map(({ name }) => name)
    report.handles = process.getActiveResourcesInfo().filter((name) => /TCP|UDP|Server/.test(name))
    console.log(JSON.stringify(report))
  `,
  'empty.mjs': '',
  'program.ts': `
    import { datasets, layers, type NeurodeError, sequential } from 'neurode'
    const model = sequential([
      layers.dense({ units: 100, activation: 'relu', inputShape: [784] }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ]).compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
    const { train } = datasets.syntheticDigits()
    const { history } = await model.fit(train.images, train.labels, { epochs: 1 })
    export const losses: Float64Array = history.loss
    const results = await model.evaluate(train.images, train.labels)
    export const accuracy: number = results.accuracy
    // @ts-expect-error: no such metric
    results.acuracy
    // @ts-expect-error: no such activation
    layers.dense({ units: 1, activation: 'rellu' })
    export const code = (error: NeurodeError): string => error.code
  `,
}

export interface TrainingReport {
  readonly losses: readonly number[]
  readonly accuracy: number
  readonly rows: number
}

export interface ImportReport {
  readonly threadsStarted: number
  readonly addon: boolean
  readonly cuda: boolean
  /** What package.json exports, and of it, what require gives otherwise than import. */
  readonly exports: readonly string[]
  readonly differing: readonly string[]
  readonly refused: readonly string[]
  readonly devices: readonly string[]
  readonly handles: readonly string[]
}
