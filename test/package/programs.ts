/** The files of a small project, as a user of the package writes them. */

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
  // What reads and writes HDF5 is loaded when it is used, on a thread of its own.
  'keras.cjs': `
    const { layers, load, sequential } = require('neurode')
    async function main() {
      const model = sequential([layers.dense({ units: 2, inputShape: [3] })])
      const rows = [[1, 2, 3]]
      const same = []
      for (const path of ['model.keras', 'model.h5']) {
        await model.save(path)
        const loaded = await load(path)
        same.push(String((await loaded.predict(rows)).data) === String((await model.predict(rows)).data))
      }
      console.log(JSON.stringify({ same, loaded: Object.keys(require.cache).some((path) => path.includes('h5wasm')) }))
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
  // Only the exports of package.json can be imported, and an import alone neither listens nor does anything else.
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
    for (const path of ['dist/index.js', 'dist/native/native.js', 'prebuilds/linux-x64/neurode.glibc.node', 'native/addon/addon.cc']) {
      await import('neurode/' + path).catch((error) => report.refused.push(error.code))
    }
    report.devices = devices().filter(({ available }) => available).map(({ name }) => name)
    report.handles = process.getActiveResourcesInfo().filter((name) => /TCP|UDP|Server/.test(name))
    console.log(JSON.stringify(report))
  `,
  'empty.mjs': '',
  // There is only one instance of everything, whether it is imported or required.
  'shared.cjs': `
    const required = ['neurode', 'neurode/plot', 'neurode/serve'].map((name) => [name, require(name)])
    const { NeurodeError, layers, sequential } = require('neurode')
    const isServerLoaded = () => Object.keys(require.cache).some((path) => path.includes('fastify'))
    async function main() {
      const differing = []
      for (const [name, names] of required) {
        const imported = await import(name)
        const all = new Set([...Object.keys(imported), ...Object.keys(names)])
        // Some runtimes add these to whatever is CommonJS.
        for (const key of ['default', 'module.exports']) all.delete(key)
        for (const key of all) if (imported[key] !== names[key]) differing.push(name + ' ' + key)
      }
      const imported = await import('neurode')
      const thrown = (program) => { try { program() } catch (error) { return error } }
      const errors = [
        thrown(() => layers.dense({ units: -1 })) instanceof imported.NeurodeError,
        thrown(() => imported.layers.dense({ units: -1 })) instanceof NeurodeError,
      ]
      const model = sequential([layers.dense({ units: 2, inputShape: [3], kernelInitializer: 'zeros' })])
      const loadedBefore = isServerLoaded()
      const { serve } = await import('neurode/serve')
      const server = await serve({ models: { model }, port: 0 })
      const body = JSON.stringify({ instances: [[1, 2, 3]] })
      const answer = await (await fetch(server.url + '/v1/models/model:predict', { method: 'POST', body })).json()
      const page = (await fetch(server.url)).status
      await server.close()
      const addons = Object.keys(require.cache).filter((path) => path.endsWith('.node')).length
      console.log(JSON.stringify({ differing, errors, addons, loadedBefore, answer, page }))
    }
    main()
  `,
  // A program that TypeScript compiles to CommonJS.
  'common.ts': `
    import { datasets, layers, NeurodeError, sequential } from 'neurode'
    import { plot } from 'neurode/plot'
    export async function main(): Promise<string> {
      const model = sequential([layers.dense({ units: 10, activation: 'softmax', inputShape: [784] })])
        .compile({ optimizer: 'sgd', loss: 'categoricalCrossentropy', metrics: ['accuracy'] })
      const { train } = datasets.syntheticDigits({ train: 200, test: 10 })
      const { history } = await model.fit(train.images, train.labels, { epochs: 1, verbose: 0 })
      const losses: Float64Array = history.loss
      try {
        // @ts-expect-error: no such activation
        layers.dense({ units: 1, activation: 'rellu' })
      } catch (error) {
        if (!(error instanceof NeurodeError)) throw error
        return error.code + ' ' + losses.length + ' ' + typeof plot.line
      }
      return ''
    }
    main().then((text) => console.log(text))
  `,
  'serving.ts': `
    import { type InferenceServer, serve, servePlugin, type ServePluginOptions } from 'neurode/serve'
    export const options: ServePluginOptions = { models: 'models', watch: true }
    export const server: Promise<InferenceServer> = serve(options)
    export { servePlugin }
  `,
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

export interface SharedReport {
  /** Names whose imported and required values differ. */
  readonly differing: readonly string[]
  /** Whether the errors of each are instances of the other's class. */
  readonly errors: readonly boolean[]
  readonly addons: number
  /** Whether the server's packages were loaded before a server was started. */
  readonly loadedBefore: boolean
  readonly answer: unknown
  readonly page: number
}

export interface ImportReport {
  readonly threadsStarted: number
  readonly addon: boolean
  readonly cuda: boolean
  /** The exports of package.json, and those of them that differ if required. */
  readonly exports: readonly string[]
  readonly differing: readonly string[]
  readonly refused: readonly string[]
  readonly devices: readonly string[]
  readonly handles: readonly string[]
}
