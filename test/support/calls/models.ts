/** Calls of models, and of functions that inspect models. */

import { array, debug, devices, distribution, input, layers, load, sequential } from 'neurode'
import { call, file, type Loose, onModel, onnxFile, type PublicCall, small, x, y } from './call.js'

export const modelCalls: readonly PublicCall[] = [
  call(
    'sequential',
    () => [{ layers: [layers.dense({ units: 1, inputShape: [2] })], name: 'a', seed: 1 }],
    (o) => sequential(o),
  ),
  call(
    'sequential of a list',
    () => [[layers.dense({ units: 1, inputShape: [2] })], { seed: 1 }],
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
    () => [small(), x(), y(), { samples: 2, tolerance: 0.1 }],
    (...args) => (debug.checkGradients as Loose)(...args),
  ),
  call(
    'debug.checkGradients of weighted rows',
    () => [small(), x(), y(), { sampleWeight: [1, 1, 2] }],
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
        distribution: distribution.dataParallel({ parts: 2 }),
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
        verbose: 2,
        stream: { write: () => true },
        callbacks: [],
        onProgress: () => {},
        // Some odd numbers of epochs would take very long.
        signal: AbortSignal.timeout(500),
        sampleWeight: [1, 1, 1],
        classWeight: { 0: 1, 1: 2 },
        stepsPerEpoch: 1,
        validationSteps: 1,
        resume: false,
        copy: true,
      },
    ],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit with validationData',
    () => [x(), y(), { validationData: [x(), y(), [1, 1, 1]], verbose: 0, signal: AbortSignal.timeout(500) }],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit of batches',
    () => [
      () => [{ x: x(), y: y(), sampleWeight: [1, 1, 1] }],
      undefined,
      { verbose: 0, signal: AbortSignal.timeout(500) },
    ],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit of one batch',
    () => [{ x: x(), y: y(), sampleWeight: [1, 1, 1] }],
    (model, [batch]) => model.fit([batch], undefined, { verbose: 0 }),
  ),
  onModel(
    'fit of batches that validates on batches',
    () => [
      () => [{ x: x(), y: y() }],
      { validationData: () => [{ x: x(), y: y() }], validationSteps: 1, verbose: 0, signal: AbortSignal.timeout(500) },
    ],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'fit of balanced classes',
    () => [
      x(),
      y(),
      {
        classWeight: new Map([[0, 1]]),
        callbacks: { onEpochEnd: () => {} },
        verbose: 0,
        signal: AbortSignal.timeout(500),
      },
    ],
    (model, args) => model.fit(...args),
  ),
  onModel(
    'evaluate of batches',
    () => [() => [{ x: x(), y: y() }], { steps: 1, verbose: 0, signal: new AbortController().signal }],
    (model, args) => model.evaluate(...args),
  ),
  onModel(
    'evaluate',
    () => [
      x(),
      y(),
      { batchSize: 2, perClass: false, copy: true, sampleWeight: [1, 1, 1], verbose: 2, stream: { write: () => true } },
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
    'valueAndGradients',
    () => [
      x(),
      y(),
      {
        sampleWeight: [1, 1, 1],
        classWeight: { 0: 1, 1: 2 },
        inputs: true,
        training: false,
        out: { gradients: { 'dense/bias': new Float32Array(3) } },
      },
    ],
    (model, args) => model.valueAndGradients(...args),
  ),
  onModel(
    'applyGradients',
    () => [
      {
        'dense/kernel': new Float32Array(6),
        'dense/bias': new Float32Array(3),
        'dense_1/kernel': new Float32Array(3),
        'dense_1/bias': new Float32Array(1),
      },
      { skipNonFinite: true },
    ],
    (model, args) => model.applyGradients(...args),
  ),
  onModel(
    'trainWithOutputGradients',
    () => [x(), () => [0.1, 0.2, 0.3]],
    (model, args) => model.trainWithOutputGradients(...args),
  ),
  onModel(
    'backward',
    () => [x(), [0.1, 0.2, 0.3], { inputs: true, training: false, out: { inputs: new Float32Array(6) } }],
    (model, args) => model.backward(...args),
  ),
  onModel(
    'setWeights',
    () => [[new Float32Array(6), new Float32Array(3), new Float32Array(3), new Float32Array(1)]],
    (model, args) => model.setWeights(...args),
  ),
  onModel(
    'layer.setWeights',
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
    'save as ONNX',
    () => [file('onnx'), { opset: 17 }],
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
    'trainable',
    () => [false],
    (model, [value]) => {
      model.trainable = value
      return model.fit(x(), y(), { verbose: 0 })
    },
  ),
  ...['pop', 'getWeights', 'countParams', 'dispose'].map((name) =>
    onModel(
      name,
      () => [],
      (model, args) => model[name](...args),
    ),
  ),
  ...['config', 'getWeights', 'countParams'].map((name) =>
    onModel(
      `layer.${name}`,
      () => [],
      (model, args) => model.layers[0][name](...args),
    ),
  ),
  onModel(
    'apply',
    () => [input({ shape: [2] })],
    (model, args) => model.apply(...args),
  ),
  call(
    'layer.apply',
    () => [input({ shape: [2] })],
    (...args) => (layers.dense({ units: 1 }) as Loose).apply(...args),
  ),
  ...['getInputAt', 'getOutputAt'].map((name) =>
    onModel(
      `layer.${name}`,
      () => [0],
      (model, args) => model.layers[0][name](...args),
    ),
  ),
  onModel(
    'layer.computeOutputShape',
    () => [[2]],
    (model, args) => model.layers[0].computeOutputShape(...args),
  ),
  call(
    'normalization.adapt',
    () => [x()],
    (data) => layers.normalization({ inputShape: [2] }).adapt(data),
  ),
  onModel(
    'prediction.toJSON',
    () => [],
    async (model, args) => (await model.predict(x())).toJSON(...args),
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
    'layer.trainable',
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
  call(
    'load onnx',
    () => [onnxFile, { outputs: ['y'] }],
    (...args) => (load as Loose)(...args),
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
]
