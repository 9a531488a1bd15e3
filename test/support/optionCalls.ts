import {
  activations,
  array,
  callbacks,
  constraints,
  debug,
  encodeNpy,
  initializers,
  layers,
  load,
  losses,
  metrics,
  optimizers,
  readCsv,
  readIdx,
  regularizers,
  schedules,
  sequential,
  writeNpy,
  writeNpz,
  writeSafetensors,
} from 'neurode'
import { plot } from 'neurode/plot'
import { batcher, serve } from 'neurode/serve'
import { hooks } from '#lib/training/callbacks.js'
import { call, file, type Loose, onModel, type PublicCall, small, step, useIn, useLayer, x, y } from './calls/call.js'
import { wholeCalls } from './calls/whole.js'
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

/** Calls of every factory of a table with its options, if it has any, and of a function that uses the result. */
function factories(
  table: string,
  from: Loose,
  examples: Readonly<Record<string, object>>,
  use: (made: Loose, name: string) => unknown,
): PublicCall[] {
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

const outputsOf = (name: string) => (isOfClasses(name) ? 3 : 1)
const useMetric = async (metric: Loose, name = '') => {
  const loss = isOfClasses(name) ? 'categoricalCrossentropy' : 'binaryCrossentropy'
  using model = small({ metrics: [metric], loss }, outputsOf(name))
  await model.evaluate(x(), y())
}

export const optionCalls: readonly PublicCall[] = [
  ...wholeCalls,
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
    () => [{ name: 'a', targets: 1, compute: () => ({ loss: 0, gradient: [0, 0, 0] }) }],
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
    'callbacks.reduceLROnPlateau',
    () => [{ monitor: 'loss', mode: 'min', factor: 0.1, patience: 1, minDelta: 0, cooldown: 0, minLearningRate: 0 }],
    (o) => useCallback(callbacks.reduceLROnPlateau(o)),
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
    'sequential of a list',
    () => [[layers.dense({ units: 1, inputShape: [2] })]],
    (...args) => (sequential as Loose)(...args),
  ),
  call(
    'debug.checkGradients',
    () => [small(), x(), y(), { samples: 2, tolerance: 0.1, sampleWeight: [1, 1, 1] }],
    (...args) => (debug.checkGradients as Loose)(...args),
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
        // Some odd numbers of epochs would take very long.
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
    'layers[0].setWeights',
    () => [[new Float32Array(6), new Float32Array(3)]],
    (model, args) => model.layers[0].setWeights(...args),
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
    'batcher.predict',
    () => [new Float32Array(4), { timeoutMs: 1000, signal: new AbortController().signal }],
    (model, args) => batcher(model.predictor()).predict(...(args as [Loose])),
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
    'csv.numbers',
    () => [['a', 'b'], { missing: 0, missingCells: ['-'], dtype: 'float32' }],
    async (...args) => ((await readCsv(new TextEncoder().encode('a,b\n1,2\n'))) as Loose).numbers(...args),
  ),
  call(
    'readIdx',
    () => [Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 2), { maxBytes: 100, signal: new AbortController().signal }],
    (...args) => (readIdx as Loose)(...args),
  ),
  call(
    'encodeNpy',
    () => [array(new Float32Array(4), [2, 2]), { dtype: 'float64', fortranOrder: true, version: 1 }],
    (...args) => (encodeNpy as Loose)(...args),
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
        fastPath: true,
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
]

async function useCallback(callback: Loose): Promise<void> {
  using model = small()
  await model.fit(x(), y(), { epochs: 2, validationSplit: 0.4, verbose: 0, callbacks: [callback] })
}
