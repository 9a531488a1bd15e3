/** Every function that users call, with arguments that it takes. */

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

/** A call: its arguments, made anew each time, and what it does with them. Objects among them are options. */
export interface PublicCall {
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
const call = (name: string, args: () => unknown[], call: PublicCall['call']): PublicCall => ({ name, args, call })

// biome-ignore lint/suspicious/noExplicitAny: as above
type Loose = any
const small = (options: object = {}): Loose =>
  sequential({
    layers: [layers.dense({ units: 3, inputShape: [2] }), layers.dense({ units: 1, activation: 'sigmoid' })],
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
function onModel(name: string, args: () => unknown[], run: (model: Loose, args: Loose[]) => unknown): PublicCall {
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

/** Every factory of a table, its options, and what is done with what it gives. */
function factories(
  table: string,
  made: Readonly<Record<string, object | readonly unknown[] | undefined>>,
  from: Loose,
  use: (made: Loose) => unknown,
): PublicCall[] {
  return Object.entries(made).map(([name, given]) => {
    const args = () => (Array.isArray(given) ? structuredClone(given) : given === undefined ? [{}] : [{ ...given }])
    return call(`${table}.${name}`, args, (...args) => use(from[name](...args)))
  })
}

const layerOptions = {
  input: { shape: [2], name: 'a' },
  dense: {
    units: 2,
    activation: 'relu',
    useBias: true,
    inputShape: [2],
    name: 'a',
    kernelInitializer: 'heNormal',
    trainable: true,
    kernelRegularizer: 'l2',
    kernelConstraint: 'nonNeg',
    biasInitializer: 'zeros',
    weights: undefined,
  },
  activation: { activation: 'relu', inputShape: [2] },
  reLU: { maxValue: 6, negativeSlope: 0.1, threshold: 0, inputShape: [2] },
  leakyReLU: { negativeSlope: 0.1, inputShape: [2] },
  elu: { alpha: 1, inputShape: [2] },
  softmax: { axis: -1, inputShape: [2] },
  dropout: { rate: 0.5, seed: 1, inputShape: [2] },
  gaussianDropout: { rate: 0.5, inputShape: [2] },
  gaussianNoise: { stddev: 0.5, inputShape: [2] },
  alphaDropout: { rate: 0.5, inputShape: [2] },
  prelu: { alphaInitializer: 'zeros', sharedAxes: [1], inputShape: [2] },
  batchNormalization: { axis: -1, momentum: 0.9, epsilon: 1e-3, center: true, scale: true, inputShape: [2] },
  layerNormalization: { axis: -1, epsilon: 1e-3, center: true, scale: true, inputShape: [2] },
  rmsNormalization: { axis: -1, epsilon: 1e-3, inputShape: [2] },
  groupNormalization: { groups: 1, epsilon: 1e-3, inputShape: [2] },
  normalization: { axis: -1, mean: [0, 0], variance: [1, 1], invert: false, inputShape: [2] },
  embedding: { inputDim: 3, outputDim: 2, inputShape: [2], embeddingsInitializer: 'uniform' },
  unitNormalization: { axis: -1, inputShape: [2] },
  activityRegularization: { l1: 0.1, l2: 0.1, inputShape: [2] },
  flatten: { inputShape: [2] },
  reshape: { targetShape: [1, 2], inputShape: [2] },
  permute: { dims: [2, 1], inputShape: [2, 3] },
  repeatVector: { n: 2, inputShape: [2] },
  categoryEncoding: { numTokens: 3, outputMode: 'multiHot', inputShape: [2] },
  identity: { inputShape: [2] },
  rescaling: { scale: 0.5, offset: 0.1, inputShape: [2] },
}

const optionsOf = {
  initializers: {
    zeros: undefined,
    ones: undefined,
    constant: { value: 1 },
    randomUniform: { minval: 0, maxval: 1, seed: 1 },
    randomNormal: { mean: 0, stddev: 1, seed: 1 },
    truncatedNormal: { mean: 0, stddev: 1, seed: 1 },
    varianceScaling: { scale: 1, mode: 'fanIn', distribution: 'uniform', seed: 1 },
    glorotUniform: { seed: 1 },
    glorotNormal: { seed: 1 },
    heUniform: { seed: 1 },
    heNormal: { seed: 1 },
    lecunUniform: { seed: 1 },
    lecunNormal: { seed: 1 },
    orthogonal: { gain: 1, seed: 1 },
  },
  regularizers: {
    l1: { l1: 0.1 },
    l2: { l2: 0.1 },
    l1l2: { l1: 0.1, l2: 0.1 },
    orthogonal: { factor: 0.1, mode: 'rows' },
  },
  constraints: {
    maxNorm: { maxValue: 2, axis: 0 },
    minMaxNorm: { minValue: 0, maxValue: 1, rate: 1, axis: 0 },
    nonNeg: undefined,
    unitNorm: { axis: 0 },
  },
  optimizers: {
    sgd: {
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: true,
      weightDecay: 0.1,
      clipNorm: 1,
      useEma: true,
      emaMomentum: 0.9,
    },
    adam: {
      learningRate: 0.1,
      beta1: 0.9,
      beta2: 0.99,
      epsilon: 1e-7,
      amsgrad: true,
      clipValue: 1,
      globalClipNorm: 1,
      gradientAccumulationSteps: 2,
      emaOverwriteFrequency: 1,
    },
    adamw: { weightDecay: 0.1 },
    rmsprop: { rho: 0.9, momentum: 0.1, centered: true },
    adagrad: { initialAccumulatorValue: 0.1 },
    adadelta: { rho: 0.9 },
    adamax: { beta1: 0.9 },
    nadam: { beta1: 0.9 },
    lion: { beta1: 0.9 },
    ftrl: { learningRatePower: -0.5, l1RegularizationStrength: 0.1 },
  },
  schedules: {
    exponentialDecay: { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5, staircase: true },
    inverseTimeDecay: { initialLearningRate: 0.1, decaySteps: 10, decayRate: 0.5 },
    piecewiseConstantDecay: { boundaries: [1, 2], values: [1, 0.5, 0.1] },
    polynomialDecay: { initialLearningRate: 0.1, decaySteps: 10, endLearningRate: 0, power: 2, cycle: true },
    cosineDecay: { initialLearningRate: 0.1, decaySteps: 10, alpha: 0.1, warmupTarget: 1, warmupSteps: 2 },
    cosineDecayRestarts: { initialLearningRate: 0.1, firstDecaySteps: 10, tMul: 2, mMul: 1, alpha: 0 },
    oneCycle: { maxLearningRate: 0.1, totalSteps: 10 },
  },
  losses: Object.fromEntries(
    Object.keys(losses).map((name) => [
      name,
      name.endsWith('rossentropy') ? { fromLogits: true, reduction: 'sum', name: 'a' } : { reduction: 'sum' },
    ]),
  ),
  metrics: Object.fromEntries(Object.keys(metrics).map((name) => [name, { name: 'a' }])),
}
const metricOptions: Readonly<Record<string, object>> = {
  precision: { thresholds: 0.5, classId: 0, topK: 1 },
  auc: { numThresholds: 5, curve: 'PR', summationMethod: 'minoring', multiLabel: false, fromLogits: true },
  sensitivityAtSpecificity: { specificity: 0.5, numThresholds: 5 },
  fBetaScore: { beta: 1, average: 'macro', threshold: 0.5 },
  iou: { numClasses: 2, targetClassIds: [0] },
  topKCategoricalAccuracy: { k: 2 },
  binaryAccuracy: { threshold: 0.4 },
  huber: { delta: 1 },
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
const useMetric = async (metric: Loose) => {
  using model = small({ metrics: [metric] })
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

export const publicCalls: readonly PublicCall[] = [
  ...factories('layers', layerOptions, layers, useLayer),
  ...factories(
    'activations',
    Object.fromEntries(
      Object.keys(activations).map((name) => [name, name === 'threshold' ? { theta: 0, value: 1 } : undefined]),
    ),
    activations,
    (made) => useLayer(layers.activation({ activation: made, inputShape: [2] })),
  ),
  ...factories('initializers', optionsOf.initializers, initializers, useIn({ kernelInitializer: 1 })),
  ...factories('regularizers', optionsOf.regularizers, regularizers, useIn({ kernelRegularizer: 1 })),
  ...factories('constraints', optionsOf.constraints, constraints, useIn({ kernelConstraint: 1 })),
  ...factories('optimizers', optionsOf.optimizers, optimizers, (optimizer) => step({ optimizer })),
  ...factories('schedules', optionsOf.schedules, schedules, (learningRate) =>
    step({ optimizer: optimizers.sgd({ learningRate }) }),
  ),
  ...factories('losses', optionsOf.losses, losses, (loss) => small({ loss }).dispose()),
  ...factories('metrics', { ...optionsOf.metrics, ...metricOptions }, metrics, useMetric),
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
    () => [{ monitor: 'loss', factor: 0.1, patience: 1, minDelta: 0, cooldown: 0, minLearningRate: 0 }],
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
      { monitor: 'loss', saveBestOnly: true, saveWeightsOnly: false, saveFreq: 'epoch', initialValueThreshold: 1 },
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
    () => [{ onEpochEnd: () => {}, batchInterval: 1 }],
    (o) => useCallback(callbacks.lambda(o)),
  ),
  call(
    'sequential',
    () => [{ layers: [layers.dense({ units: 1, inputShape: [2] })], name: 'a', seed: 1 }],
    (o) => sequential(o),
  ),
  call(
    'sequential of a list',
    () => [[layers.dense({ units: 1, inputShape: [2] })], { seed: 1 }],
    (a: Loose) => sequential(a),
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
    () => [small(), x(), y(), { samples: 2, tolerance: 0.1 }],
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
        batchSize: 2,
        initialEpoch: 0,
        shuffle: true,
        seed: 1,
        validationSplit: 0.4,
        validationBatchSize: 1,
        validationFreq: 1,
        verbose: 0,
        stream: { write: () => true },
        callbacks: [],
        onProgress: () => {},
        // Some numbers of epochs are a long time.
        signal: AbortSignal.timeout(2000),
        sampleWeight: [1, 1, 1],
        classWeight: { 0: 1, 1: 2 },
        stepsPerEpoch: 1,
        validationSteps: 1,
        resume: false,
      },
    ],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit with validationData',
    () => [x(), y(), { validationData: [x(), y(), [1, 1, 1]], verbose: 0 }],
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
      { batchSize: 2, steps: 1, perClass: false, sampleWeight: [1, 1, 1], verbose: 0, stream: { write: () => true } },
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
    () => [new Float32Array(4), { timeoutMs: 1000 }],
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
    () => [file('neurode'), { device: 'cpu', threads: 1 }],
    async (...args) => {
      using model = small()
      await model.save(file('neurode'))
      return (load as Loose)(...args)
    },
  ),
  call(
    'readCsv',
    () => [new TextEncoder().encode('a,b\n1,2\n'), { header: true, separator: ',' }],
    (...args) => (readCsv as Loose)(...args),
  ),
  call(
    'table.numbers',
    () => [['a', 'b'], {}],
    async (...args) => ((await readCsv(new TextEncoder().encode('a,b\n1,2\n'))) as Loose).numbers(...args),
  ),
  call(
    'readIdx',
    () => [Uint8Array.of(0, 0, 8, 1, 0, 0, 0, 2, 1, 2)],
    (...args) => (readIdx as Loose)(...args),
  ),
  call(
    'openIdx',
    () => [file('idx'), { scale: 1, offset: 0 }],
    (...args) => (openIdx as Loose)(...args),
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
    () => [array(new Float32Array(4), [2, 2])],
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
    (...args) => (readNpz as Loose)(...args),
  ),
  call(
    'readSafetensors',
    () => [file('safetensors')],
    (...args) => (readSafetensors as Loose)(...args),
  ),
  call(
    'writeNpy',
    () => [file('npy'), array(new Float32Array(4), [2, 2]), {}],
    (...args) => (writeNpy as Loose)(...args),
  ),
  call(
    'writeNpz',
    () => [file('npz'), { a: array(new Float32Array(4), [2, 2]) }, {}],
    (...args) => (writeNpz as Loose)(...args),
  ),
  call(
    'writeSafetensors',
    () => [file('safetensors'), { a: array(new Float32Array(4), [2, 2]) }, { metadata: { a: 'b' } }],
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
    () => [{ x: [1, 2], y: [1, 2] }, { title: 'a' }],
    (...args) => (plot.scatter as Loose)(...args),
  ),
  call(
    'plot.line',
    () => [{ a: [1, 2] }, { title: 'a', xLabel: 'x', yLabel: 'y' }],
    (...args) => (plot.line as Loose)(...args),
  ),
  call(
    'plot.confusionMatrix',
    () => [[0, 1], [0, 1], { labels: ['a', 'b'], title: 'a' }],
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
    () => [array(new Float32Array(8), [4, 2]), { shape: [2, 2], columns: 1, layer: 0, title: 'a' }],
    (...args) => (plot.weights as Loose)(...args),
  ),
  call(
    'plot.report',
    () => [file('html'), { title: 'a', sections: [] }],
    (...args) => (plot.report as Loose)(...args),
  ),
  call(
    'picture.png',
    () => [{ scale: 1 }],
    async (...args) => ((await plot.line({ a: [1, 2] })).png as Loose).call(await plot.line({ a: [1, 2] }), ...args),
  ),
  call(
    'picture.save',
    () => [file('svg'), { scale: 1 }],
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
  await model.fit(x(), y(), { epochs: 2, verbose: 0, callbacks: [callback] })
}

export type { Sequential }
