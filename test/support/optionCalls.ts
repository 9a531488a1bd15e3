/** Every function that users call, with arguments that it takes. */

import { writeFile } from 'node:fs/promises'
import {
  activations,
  array,
  callbacks,
  constraints,
  datasets,
  debug,
  devices,
  encodeNpy,
  initializers,
  layers,
  load,
  losses,
  metrics,
  openIdx,
  openNpy,
  optimizers,
  readCsv,
  readIdx,
  readNpy,
  readNpz,
  readSafetensors,
  regularizers,
  type Sequential,
  schedules,
  sequential,
  writeNpy,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { plot } from 'neurode/plot'
import {
  attachPredictor,
  batcher,
  formatInferResponse,
  formatPredictResponse,
  parseInferRequest,
  parsePredictRequest,
  serve,
} from 'neurode/serve'
import { hooks } from '#lib/training/callbacks.js'
import {
  activationOptions,
  constraintOptions,
  initializerOptions,
  isOfClasses,
  layerOptions,
  lossOptions,
  metricOptions,
  optimizerOptions,
  regularizerOptions,
  scheduleOptions,
} from './publicOptions.js'

/** A call: its arguments, made anew each time, and what it does with them. Objects among them are options. */
export interface OptionCall {
  readonly name: string
  readonly args: () => unknown[]
  // biome-ignore lint/suspicious/noExplicitAny: arguments are replaced by anything
  readonly call: (...args: any[]) => unknown
}

const x = () => [
  [0.1, 0.2],
  [0.3, 0.4],
  [0.5, 0.6],
]
const y = () => [0, 1, 0]
const call = (name: string, args: () => unknown[], call: OptionCall['call']): OptionCall => ({ name, args, call })

// biome-ignore lint/suspicious/noExplicitAny: as above
type Loose = any
const small = (options: object = {}, units = 1): Loose =>
  sequential({
    layers: [layers.dense({ units: 3, inputShape: [2] }), layers.dense({ units, activation: 'sigmoid' })],
    seed: 1,
  }).compile({
    loss: 'binaryCrossentropy',
    optimizer: 'adam',
    metrics: ['accuracy'],
    device: 'cpu',
    threads: 1,
    ...options,
  })

/** With a model that is disposed of in the end. */
function onModel(name: string, args: () => unknown[], run: (model: Loose, args: Loose[]) => unknown): OptionCall {
  return call(`model.${name}`, args, async (...given) => {
    using model = small()
    return await run(model, given)
  })
}

/** Trains a model for a step with what a factory gave. */
async function step(options: object): Promise<void> {
  using model = small(options)
  await model.fit(x(), y(), { epochs: 1, verbose: 0 })
}

/** Every factory of a table with its options, where it has some, and what is done with what it gives. */
function factories(
  table: string,
  from: Loose,
  examples: Readonly<Record<string, object>>,
  use: (made: Loose, name: string) => unknown,
): OptionCall[] {
  const without = Object.keys(from).filter((name) => name !== 'custom' && !(name in examples))
  return [...without, ...Object.keys(examples)].map((title) => {
    const [name = ''] = title.split(' ')
    const options = examples[title]
    return call(
      `${table}.${title}`,
      () => (options === undefined ? [] : [structuredClone(options)]),
      (...args) => use(from[name](...args), name),
    )
  })
}

const useLayer = async (layer: Loose) => {
  using model: Loose = sequential([layer])
  if (model.built)
    model.predictSync({
      data: new Float32Array(model.inputShape.reduce((a: number, b: number) => a * b, 1)),
      shape: [1, ...model.inputShape],
    })
}
const useIn = (options: object) => async (made: Loose) => {
  using model: Loose = sequential([
    layers.dense({ units: 2, inputShape: [2], ...Object.fromEntries(Object.keys(options).map((key) => [key, made])) }),
  ])
  model.predictSync(x())
}
const outputsOf = (name: string) => (isOfClasses(name) ? 3 : 1)
const useMetric = async (metric: Loose, name = '') => {
  const loss = isOfClasses(name) ? 'categoricalCrossentropy' : 'binaryCrossentropy'
  using model = small({ metrics: [metric], loss }, outputsOf(name))
  await model.evaluate(x(), y())
}

/** Written into a folder that is the current one. */
const file = (ending: string) => `written.${ending}`
const points = {
  x: [
    [0, 0],
    [1, 1],
  ],
  y: [0, 1],
  xRange: [0, 1],
  yRange: [0, 1],
  resolution: 8,
  title: 'a',
  xLabel: 'a',
  yLabel: 'b',
}
const spec = { inputName: 'input', outputName: 'output', inputShape: [2], outputShape: [1], maxRows: 5 }
const inferBody = () => Buffer.from('{"inputs":[{"name":"input","shape":[1,2],"datatype":"FP32","data":[1,2]}]}')

export const optionCalls: readonly OptionCall[] = [
  ...factories('layers', layers, layerOptions, useLayer),
  ...factories('activations', activations, activationOptions, (made) =>
    useLayer(layers.activation({ activation: made, inputShape: [2] })),
  ),
  ...factories('initializers', initializers, initializerOptions, useIn({ kernelInitializer: 1 })),
  ...factories('regularizers', regularizers, regularizerOptions, useIn({ kernelRegularizer: 1 })),
  ...factories('constraints', constraints, constraintOptions, useIn({ kernelConstraint: 1 })),
  ...factories('optimizers', optimizers, optimizerOptions, (optimizer) => step({ optimizer })),
  ...factories('schedules', schedules, scheduleOptions, (learningRate) =>
    step({ optimizer: optimizers.sgd({ learningRate }) }),
  ),
  ...factories('losses', losses, lossOptions, (loss, name) => small({ loss, metrics: [] }, outputsOf(name)).dispose()),
  ...factories('metrics', metrics, metricOptions, useMetric),
  call(
    'losses.custom',
    () => [{ name: 'a', compute: () => ({ loss: 0, gradient: [0, 0, 0] }) }],
    (options) => step({ loss: losses.custom(options) }),
  ),
  call(
    'metrics.custom',
    () => [{ name: 'a', rows: () => [0, 0, 0], best: 'max' }],
    (options) => useMetric(metrics.custom(options)),
  ),
  call(
    'metrics.custom of a state',
    () => [{ name: 'a', state: () => ({ updateState: () => {}, result: () => 0 }) }],
    (options) => useMetric(metrics.custom(options)),
  ),
  call(
    'callbacks.earlyStopping',
    () => [
      {
        monitor: 'loss',
        mode: 'min',
        minDelta: 0,
        patience: 1,
        baseline: 1,
        restoreBestWeights: true,
        startFromEpoch: 0,
      },
    ],
    (o) => useCallback(callbacks.earlyStopping(o)),
  ),
  call(
    'callbacks.reduceLROnPlateau',
    () => [{ monitor: 'loss', mode: 'min', factor: 0.1, patience: 1, minDelta: 0, cooldown: 0, minLearningRate: 0 }],
    (o) => useCallback(callbacks.reduceLROnPlateau(o)),
  ),
  call(
    'callbacks.learningRateScheduler',
    () => [(_: number, rate: number) => rate],
    (o) => useCallback(callbacks.learningRateScheduler(o)),
  ),
  call(
    'callbacks.modelCheckpoint',
    () => [
      file('neurode'),
      {
        monitor: 'loss',
        mode: 'min',
        saveBestOnly: true,
        saveWeightsOnly: false,
        saveFreq: 'epoch',
        initialValueThreshold: 1,
      },
    ],
    (p, o) => useCallback(callbacks.modelCheckpoint(p, o)),
  ),
  call(
    'callbacks.backupAndRestore',
    () => ['backups', { saveFreq: 'epoch', keep: 2, deleteCheckpoint: true }],
    (p, o) => useCallback(callbacks.backupAndRestore(p, o)),
  ),
  call(
    'callbacks.csvLogger',
    () => [file('csv'), { append: false, separator: ',' }],
    (p, o) => useCallback(callbacks.csvLogger(p, o)),
  ),
  call(
    'callbacks.terminateOnNaN',
    () => [],
    () => useCallback(callbacks.terminateOnNaN()),
  ),
  call(
    'callbacks.dashboard',
    () => [{ port: 0, onListening: () => {} }],
    (o) => useCallback(callbacks.dashboard(o)),
  ),
  call(
    'callbacks.lambda',
    () => [
      {
        ...Object.fromEntries(hooks.map((hook) => [hook, () => {}])),
        batchInterval: 1,
        name: 'a',
        runsLast: false,
        getState: () => ({ values: {} }),
        setState: () => {},
      },
    ],
    (o) => useCallback(callbacks.lambda(o)),
  ),
  call(
    'sequential',
    () => [{ layers: [layers.dense({ units: 1, inputShape: [2] })], name: 'a', seed: 1 }],
    (o) => sequential(o),
  ),
  call(
    'sequential of a list',
    () => [[layers.dense({ units: 1, inputShape: [2] })]],
    (...args) => (sequential as Loose)(...args),
  ),
  call(
    'array',
    () => [new Float32Array(4), [2, 2], { scale: 0.5, offset: 1 }],
    (...args) => (array as Loose)(...args),
  ),
  call(
    'devices',
    () => [],
    () => devices(),
  ),
  call(
    'debug.checkGradients',
    () => [small(), x(), y(), { samples: 2, tolerance: 0.1, sampleWeight: [1, 1, 1] }],
    (...args) => (debug.checkGradients as Loose)(...args),
  ),
  onModel(
    'add',
    () => [layers.dense({ units: 1 })],
    (model, args) => model.add(...args),
  ),
  onModel(
    'build',
    () => [[2]],
    (model, args) => model.build(...args),
  ),
  onModel(
    'compile',
    () => [
      {
        loss: 'mse',
        optimizer: 'sgd',
        metrics: ['mae'],
        weightedMetrics: ['mse'],
        device: 'cpu',
        threads: 1,
        precision: 'float32',
      },
    ],
    (model, args) => model.compile(...args),
  ),
  onModel(
    'fit',
    () => [
      x(),
      y(),
      {
        epochs: 1,
        copy: true,
        batchSize: 2,
        initialEpoch: 0,
        shuffle: true,
        seed: 1,
        validationSplit: 0.4,
        validationBatchSize: 1,
        validationFreq: 1,
        verbose: 2,
        stream: { write: () => true },
        callbacks: [],
        onProgress: () => {},
        // Some numbers of epochs are a long time.
        signal: AbortSignal.timeout(2000),
        sampleWeight: [1, 1, 1],
        classWeight: { 0: 1, 1: 2 },
        stepsPerEpoch: 1,
        validationSteps: 1,
      },
    ],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit with validationData',
    () => [x(), y(), { validationData: [x(), y(), [1, 1, 1]], resume: false, verbose: 0 }],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit of batches',
    () => [() => [{ x: x(), y: y(), sampleWeight: [1, 1, 1] }], undefined, { verbose: 0 }],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit of one batch',
    () => [{ x: x(), y: y(), sampleWeight: [1, 1, 1] }],
    (model, [batch]) => model.fit([batch], undefined, { verbose: 0 }),
  ),
  onModel(
    'evaluate',
    () => [
      x(),
      y(),
      {
        copy: true,
        batchSize: 2,
        steps: 1,
        perClass: false,
        sampleWeight: [1, 1, 1],
        verbose: 2,
        stream: { write: () => true },
        signal: new AbortController().signal,
      },
    ],
    (model, args) => model.evaluate(...args),
  ),
  onModel(
    'predict',
    () => [x(), { batchSize: 2, out: new Float32Array(3), signal: new AbortController().signal }],
    (model, args) => model.predict(...args),
  ),
  onModel(
    'predictSync',
    () => [x(), { out: new Float32Array(3) }],
    (model, args) => model.predictSync(...args),
  ),
  onModel(
    'predictOnBatch',
    () => [x(), { out: new Float32Array(3) }],
    (model, args) => model.predictOnBatch(...args),
  ),
  onModel(
    'predictStream',
    () => [[x()], { signal: new AbortController().signal }],
    async (model, args) => {
      for await (const _ of model.predictStream(...args));
    },
  ),
  onModel(
    'trainOnBatch',
    () => [x(), y(), { sampleWeight: [1, 1, 1], classWeight: { 0: 1, 1: 2 } }],
    (model, args) => model.trainOnBatch(...args),
  ),
  onModel(
    'testOnBatch',
    () => [x(), y(), { sampleWeight: [1, 1, 1] }],
    (model, args) => model.testOnBatch(...args),
  ),
  onModel(
    'setWeights',
    () => [[new Float32Array(6), new Float32Array(3), new Float32Array(3), new Float32Array(1)]],
    (model, args) => model.setWeights(...args),
  ),
  onModel(
    'layers[0].setWeights',
    () => [[new Float32Array(6), new Float32Array(3)]],
    (model, args) => model.layers[0].setWeights(...args),
  ),
  onModel(
    'saveWeights',
    () => [file('safetensors')],
    (model, args) => model.saveWeights(...args),
  ),
  onModel(
    'loadWeights',
    () => [file('safetensors')],
    async (model, args) => {
      await model.saveWeights(file('safetensors'))
      await model.loadWeights(...args)
    },
  ),
  onModel(
    'save',
    () => [file('neurode')],
    (model, args) => model.save(...args),
  ),
  onModel(
    'restore',
    () => [file('neurode')],
    async (model, args) => {
      await model.save(file('neurode'))
      await model.restore(...args)
    },
  ),
  onModel(
    'getLayer',
    () => ['dense'],
    (model, args) => model.getLayer(...args),
  ),
  onModel(
    'summary',
    () => [{ print: () => {} }],
    (model, args) => model.summary(...args),
  ),
  onModel(
    'stopTraining',
    () => [true],
    (model, [value]) => {
      model.stopTraining = value
    },
  ),
  onModel(
    'optimizer.learningRate',
    () => [0.1],
    (model, [value]) => {
      model.optimizer.learningRate = value
      return model.fit(x(), y(), { verbose: 0 })
    },
  ),
  onModel(
    'layers[0].trainable',
    () => [false],
    (model, [value]) => {
      model.layers[0].trainable = value
      return model.fit(x(), y(), { verbose: 0 })
    },
  ),
  onModel(
    'predictor',
    () => [{ device: 'cpu', maxBatchSize: 4, threads: 1, precision: 'float32' }],
    (model, args) => model.predictor(...args),
  ),
  onModel(
    'predictor.predict',
    () => [new Float32Array(4), { out: new Float32Array(2) }],
    (model, args) => model.predictor().predict(...args),
  ),
  onModel(
    'predictor.predictSync',
    () => [new Float32Array(4), { out: new Float32Array(2) }],
    (model, args) => model.predictor().predictSync(...args),
  ),
  onModel(
    'predictor.isQuick',
    () => [2],
    (model, args) => model.predictor().isQuick(...args),
  ),
  onModel(
    'batcher',
    () => [{ maxBatchSize: 4, maxQueueDelayMicros: 0, maxQueueSize: 8, timeoutMs: 1000 }],
    (model, args) => batcher(model.predictor(), ...args),
  ),
  onModel(
    'batcher.run',
    () => [2, (into: Float32Array) => into.fill(1), { timeoutMs: 1000, signal: new AbortController().signal }],
    (model, args) => batcher(model.predictor()).run(...(args as [Loose, Loose])),
  ),
  onModel(
    'batcher.predict',
    () => [new Float32Array(4), { timeoutMs: 1000, signal: new AbortController().signal }],
    (model, args) => batcher(model.predictor()).predict(...(args as [Loose])),
  ),
  call(
    'batcher',
    () => [small().predictor()],
    (predictor) => batcher(predictor),
  ),
  call(
    'attachPredictor',
    () => [small().predictor().token],
    (token) => attachPredictor(token),
  ),
  call(
    'load',
    () => [
      file('neurode'),
      { device: 'cpu', threads: 1, precision: 'float32', learningRate: 0.1, losses: [], metrics: [] },
    ],
    async (...args) => {
      using model = small()
      await model.save(file('neurode'))
      return (load as Loose)(...args)
    },
  ),
  call(
    'readCsv',
    () => [new TextEncoder().encode('a,b\n1,2\n'), { header: true, separator: ',', decimal: '.' }],
    (...args) => (readCsv as Loose)(...args),
  ),
  call(
    'table.numbers',
    () => [['a', 'b'], { missing: 0, missingCells: ['-'], dtype: 'float32' }],
    async (...args) => ((await readCsv(new TextEncoder().encode('a,b\n1,2\n'))) as Loose).numbers(...args),
  ),
  call(
    'readIdx',
    () => [Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 2), { maxBytes: 100, signal: new AbortController().signal }],
    (...args) => (readIdx as Loose)(...args),
  ),
  call(
    'openIdx',
    () => [file('idx'), { scale: 1, offset: 0 }],
    async (...args) => {
      await writeFile(file('idx'), Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 2))
      return (openIdx as Loose)(...args)
    },
  ),
  call(
    'openNpy',
    () => [file('npy'), { scale: 1, offset: 0 }],
    async (...args) => {
      await writeNpy(file('npy'), array(new Float32Array(4), [2, 2]))
      return (openNpy as Loose)(...args)
    },
  ),
  call(
    'encodeNpy',
    () => [array(new Float32Array(4), [2, 2]), { dtype: 'float64', fortranOrder: true, version: 1 }],
    (...args) => (encodeNpy as Loose)(...args),
  ),
  call(
    'readNpy',
    () => [encodeNpy(array(new Float32Array(4), [2, 2]))],
    (...args) => (readNpy as Loose)(...args),
  ),
  call(
    'readNpz',
    () => [file('npz'), { maxBytes: 2 ** 20 }],
    async (...args) => {
      await writeNpz(file('npz'), { a: [1, 2] })
      return (readNpz as Loose)(...args)
    },
  ),
  call(
    'readSafetensors',
    () => [file('safetensors')],
    async (...args) => {
      await writeSafetensors(file('safetensors'), { a: [1, 2] })
      return (readSafetensors as Loose)(...args)
    },
  ),
  call(
    'writeNpy',
    () => [file('npy'), array(new Float32Array(4), [2, 2]), { dtype: 'float32', fortranOrder: true, version: 1 }],
    (...args) => (writeNpy as Loose)(...args),
  ),
  call(
    'writeNpz',
    () => [file('npz'), { a: array(new Float32Array(4), [2, 2]) }, { compress: true }],
    (...args) => (writeNpz as Loose)(...args),
  ),
  call(
    'writeSafetensors',
    () => [file('safetensors'), { a: array(new Float32Array(4), [2, 2]) }, { metadata: { a: 'b' }, dtype: 'float32' }],
    (...args) => (writeSafetensors as Loose)(...args),
  ),
  call(
    'datasets.syntheticDigits',
    () => [{ train: 2, test: 1, seed: 1 }],
    (...args) => (datasets.syntheticDigits as Loose)(...args),
  ),
  call(
    'plot.history',
    () => [{ loss: [1, 2] }, { title: 'a' }],
    (...args) => (plot.history as Loose)(...args),
  ),
  call(
    'plot.scatter',
    () => [[1, 2], [1, 2], { title: 'a', xLabel: 'x', yLabel: 'y', diagonal: true }],
    (...args) => (plot.scatter as Loose)(...args),
  ),
  call(
    'plot.line',
    () => [{ a: [1, 2] }, { title: 'a', xLabel: 'x', yLabel: 'y', x: [1, 2], yLog: true }],
    (...args) => (plot.line as Loose)(...args),
  ),
  call(
    'plot.confusionMatrix',
    () => [[0, 1], [0, 1], { classes: ['a', 'b'], title: 'a' }],
    (...args) => (plot.confusionMatrix as Loose)(...args),
  ),
  call(
    'plot.images',
    () => [
      array(new Uint8Array(8), [2, 2, 2]),
      { labels: ['a', 'b'], columns: 1, limit: 1, shape: [2, 2], title: 'a' },
    ],
    (...args) => (plot.images as Loose)(...args),
  ),
  call(
    'plot.decisionBoundary',
    () => [small(), points],
    (...args) => (plot.decisionBoundary as Loose)(...args),
  ),
  call(
    'plot.weights',
    () => [array(new Float32Array(8), [4, 2]), { shape: [2, 2], columns: 1, title: 'a' }],
    (...args) => (plot.weights as Loose)(...args),
  ),
  call(
    'plot.weights of a model',
    () => [small(), { layer: 0 }],
    (...args) => (plot.weights as Loose)(...args),
  ),
  call(
    'plot.report',
    () => [file('html'), [{ heading: 'a' }], { title: 'a' }],
    (...args) => (plot.report as Loose)(...args),
  ),
  call(
    'picture.png',
    () => [{ scale: 1 }],
    async (...args) => ((await plot.line({ a: [1, 2] })).png as Loose).call(await plot.line({ a: [1, 2] }), ...args),
  ),
  call(
    'picture.save',
    () => [file('png'), { scale: 1 }],
    async (...args) => {
      const picture: Loose = await plot.line({ a: [1, 2] })
      await picture.save(...args)
    },
  ),
  call(
    'serve',
    () => [
      {
        models: { a: small() },
        host: '127.0.0.1',
        port: 0,
        device: 'cpu',
        threads: 1,
        maxBatchSize: 4,
        maxQueueDelayMicros: 0,
        maxQueueSize: 8,
        timeoutMs: 1000,
        watch: false,
        maxRows: 4,
        shutdownTimeoutMs: 1000,
        tokens: ['a'],
        bodyLimit: 1000,
        totalBodyLimit: 2000,
        onEvent: () => {},
        requestTimeoutMs: 1000,
        headersTimeoutMs: 1000,
        keepAliveTimeoutMs: 1000,
        maxConnections: 10,
        tls: undefined,
      },
    ],
    async (options) => (await serve(options)).close(),
  ),
  call(
    'serve for hosts',
    () => [{ models: { a: small() }, port: 0, allowedHosts: ['models.example'] }],
    async (options) => (await serve(options)).close(),
  ),
  call(
    'parseInferRequest',
    () => [inferBody(), undefined, spec],
    (...args) => (parseInferRequest as Loose)(...args),
  ),
  call(
    'parsePredictRequest',
    () => [Buffer.from('{"instances":[[1,2]]}'), spec],
    (...args) => (parsePredictRequest as Loose)(...args),
  ),
  call(
    'formatInferResponse',
    () => [parseInferRequest(inferBody(), undefined, spec), new Float32Array(1), spec, { name: 'a', version: '1' }],
    (...args) => (formatInferResponse as Loose)(...args),
  ),
  call(
    'formatPredictResponse',
    () => [parsePredictRequest(Buffer.from('{"instances":[[1,2]]}'), spec), new Float32Array(1), spec],
    (...args) => (formatPredictResponse as Loose)(...args),
  ),
]

async function useCallback(callback: Loose): Promise<void> {
  using model = small()
  await model.fit(x(), y(), { epochs: 2, validationSplit: 0.4, verbose: 0, callbacks: [callback] })
}

export type { Sequential }
