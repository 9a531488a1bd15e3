/** Options that would have no effect with the other options, or that refer past the model, are refused with the reason. */

import assert from 'node:assert/strict'
import { callbacks, layers, load, losses, metrics, optimizers, readCsv, schedules, sequential } from 'neurode'
import { plot } from 'neurode/plot'
import { serve } from 'neurode/serve'
import { inFolder, rejects, throws } from './data/files.js'
import { classifier, clouds } from './support/problems.js'

const { x, y } = clouds(32)
const batches = () => [{ x, y }]
const train = (data: unknown, options: object) => async () => {
  using model = classifier()
  await (model.fit as (...args: unknown[]) => Promise<unknown>)(...(typeof data === 'function' ? [data] : [x, y]), {
    verbose: 0,
    ...options,
  })
}
const compile = (options: () => object) => () =>
  sequential([layers.dense({ units: 3, activation: 'sigmoid', inputShape: [6] })]).compile({
    loss: 'binaryCrossentropy',
    ...options(),
  } as never)

/** Calls that are refused, with a pattern of the reason. */
const cases: Readonly<Record<string, readonly [call: () => unknown, reason: RegExp]>> = {
  'a batch size of validation without validation': [
    train(x, { validationBatchSize: 4 }),
    /validationBatchSize: .*without validationData/,
  ],
  'a frequency of validation without validation': [
    train(x, { validationFreq: 2 }),
    /validationFreq: .*without validationData/,
  ],
  'steps of validation without validation': [
    train(x, { validationSteps: 2 }),
    /validationSteps: .*without validationData/,
  ],
  'a share for validation beside its data': [
    train(x, { validationSplit: 0.5, validationData: [x, y] }),
    /validationSplit: .*with validationData/,
  ],
  'a batch size for batches of validation': [
    train(x, { validationData: batches, validationBatchSize: 4 }),
    /validationBatchSize: .*batches/,
  ],
  'shuffle with batches': [train(batches, { shuffle: true }), /shuffle: .*order of their source/],
  'a batch size with batches': [train(batches, { batchSize: 4 }), /batchSize: .*batches/],
  'an epoch to begin with beside resume': [train(x, { initialEpoch: 1, resume: true }), /initialEpoch: .*resume/],
  'a momentum of averages without averages': [() => optimizers.adam({ emaMomentum: 0.9 }), /emaMomentum: .*useEma/],
  'a frequency of averages without averages': [
    () => optimizers.sgd({ emaOverwriteFrequency: 2 }),
    /emaOverwriteFrequency: .*useEma/,
  ],
  'warm-up without a target': [
    () => schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 10, warmupSteps: 5 }),
    /warmupSteps: .*warmupTarget/,
  ],
  'alpha without balancing': [
    compile(() => ({ loss: losses.binaryFocalCrossentropy({ alpha: 0.4 }) })),
    /alpha: .*applyClassBalancing/,
  ],
  'what to watch where every epoch is saved': [
    () => callbacks.modelCheckpoint('a', { monitor: 'loss' }),
    /monitor: .*saveBestOnly/,
  ],
  'a threshold where every epoch is saved': [
    () => callbacks.modelCheckpoint('a', { initialValueThreshold: 1 }),
    /initialValueThreshold: .*saveBestOnly/,
  ],
  ...Object.fromEntries(
    [metrics.precision, metrics.recall, metrics.fBetaScore, metrics.sensitivityAtSpecificity, metrics.r2Score].map(
      (make, i) => [
        `a class that the model does not have, ${i}`,
        [
          compile(() => ({
            metrics: [(make as (options: object) => unknown)({ classId: 9, ...(i === 3 ? { specificity: 0.5 } : {}) })],
          })),
          /classId: expected a class of this model's, 0 to 2, got 9/,
        ] as const,
      ],
    ),
  ),
  'a seed of orders without shuffling': [train(x, { shuffle: false, seed: 1 }), /seed: .*shuffle: false/],
  'a seed of orders with batches': [train(batches, { seed: 1 }), /seed: .*order of their source/],
  'a stream of an evaluation that prints nothing': [
    async () => {
      using model = classifier()
      await model.evaluate(x, y, { stream: process.stdout })
    },
    /stream: .*without verbose/,
  ],
  'options twice with batches': [
    async () => {
      using model = classifier()
      await (model.fit as (...args: unknown[]) => Promise<unknown>)(batches, { epochs: 2 }, { verbose: 0 })
    },
    /options: expected them once/,
  ],
  'momentum that is Nesterov’s without momentum': [() => optimizers.sgd({ nesterov: true }), /nesterov: .*momentum/],
  'what does not decay where nothing does': [
    () => optimizers.adam({ excludeFromWeightDecay: ['bias'] }),
    /excludeFromWeightDecay: .*weightDecay/,
  ],
  'the usual alpha without balancing': [
    () => losses.binaryFocalCrossentropy({ alpha: 0.25 }),
    /alpha: .*applyClassBalancing/,
  ],
  'alpha without balancing, of a metric': [
    () => metrics.binaryFocalCrossentropy({ alpha: 0.25 }),
    /alpha: .*applyClassBalancing/,
  ],
  'a number of thresholds beside thresholds': [
    () => metrics.auc({ numThresholds: 5, thresholds: [0.5] }),
    /numThresholds: .*thresholds/,
  ],
  'weights of labels without labels': [() => metrics.auc({ labelWeights: [1, 2] }), /labelWeights: .*multiLabel/],
  'an average beside one class': [
    () => metrics.fBetaScore({ average: 'micro', classId: 0 }),
    /average: .*with classId/,
  ],
  'an aggregation beside one output': [
    () => metrics.r2Score({ classAggregation: 'uniformAverage', classId: 0 }),
    /classAggregation: .*with classId/,
  ],
  'an initializer of a bias that is not there': [
    () => layers.dense({ units: 1, useBias: false, biasInitializer: 'ones' }),
    /biasInitializer: .*useBias: false/,
  ],
  'a regularizer of a bias that is not there': [
    () => layers.dense({ units: 1, useBias: false, biasRegularizer: 'l1' }),
    /biasRegularizer: .*useBias: false/,
  ],
  'an initializer beside the first values': [
    () => layers.dense({ units: 1, weights: [[[1]], [0]], kernelInitializer: 'ones' }),
    /kernelInitializer: .*weights/,
  ],
  'an initializer of an embedding beside its first values': [
    () => layers.embedding({ inputDim: 1, outputDim: 1, weights: [[[1]]], embeddingsInitializer: 'ones' }),
    /embeddingsInitializer: .*weights/,
  ],
  'a constraint of a gamma that is not there': [
    () => layers.batchNormalization({ scale: false, gammaConstraint: 'nonNeg' }),
    /gammaConstraint: .*scale: false/,
  ],
  'an initializer of a beta that is not there': [
    () => layers.layerNormalization({ center: false, betaInitializer: 'ones' }),
    /betaInitializer: .*center: false/,
  ],
  'an interval of batches without a hook for them': [
    train(x, { callbacks: { onEpochEnd: () => {}, batchInterval: 2 } }),
    /batchInterval: .*without a hook for batches/,
  ],
  'a learning rate for a model that was not compiled': [
    () =>
      inFolder(async (folder) => {
        await sequential([layers.dense({ units: 1, inputShape: [2] })]).save(`${folder}/m`)
        await load(`${folder}/m`, { learningRate: 0.1 })
      }),
    /learningRate: .*not compiled/,
  ],
  'cells that are missing without a number for them': [
    async () => (await readCsv(Buffer.from('a\n1\n'))).numbers(['a'], { missingCells: ['-'] }),
    /missingCells: .*without missing/,
  ],
  'pixels of an SVG': [
    () => inFolder(async (folder) => (await plot.line({ a: [1, 2] })).save(`${folder}/a.svg`, { scale: 2 })),
    /scale: .*SVG/,
  ],
  'a layer of an array': [() => plot.weights([[1, 2]], { layer: 0 }), /layer: .*no layers/],
  'columns of one table': [() => plot.weights([[1, 2]], { columns: 2 }), /columns: .*without shape/],
  'classes of points that are not there': [
    () => plot.decisionBoundary(sequential([layers.dense({ units: 1, inputShape: [2] })]), { y: [0, 1] }),
    /y: .*without x/,
  ],
  'names of classes of points that have none': [
    () =>
      plot.decisionBoundary(sequential([layers.dense({ units: 1, inputShape: [2] })]), { x: [[0, 1]], classes: ['a'] }),
    /classes: .*without y/,
  ],
  'hosts of a server that asks for tokens': [
    () => serve({ models: { a: compile(() => ({}))() }, port: 0, tokens: ['t'], allowedHosts: ['a'] }),
    /allowedHosts: .*tokens/,
  ],
  'files to watch where there are none': [
    () => serve({ models: { a: compile(() => ({}))() }, port: 0, watch: true }),
    /watch: .*in memory/,
  ],
  'a positive among more outputs than there are': [
    compile(() => ({ metrics: [metrics.precision({ topK: 4 })] })),
    /topK: expected at most 3.*got 4/,
  ],
  'a threshold that no probability reaches': [
    compile(() => ({ metrics: [metrics.binaryAccuracy({ threshold: 50 })] })),
    /threshold: expected a number from 0 to 1, as the outputs, got 50/,
  ],
  'the same of an intersection': [
    compile(() => ({ metrics: [metrics.binaryIoU({ threshold: -1 })] })),
    /threshold: expected a number from 0 to 1.*got -1/,
  ],
  'another number of classes than of outputs': [
    compile(() => ({ metrics: [metrics.iou({ numClasses: 9 })] })),
    /numClasses: expected 3.*got 9/,
  ],
  'an intersection of a class that is not there': [
    compile(() => ({ weightedMetrics: [metrics.iou({ targetClassIds: [0, 3] })] })),
    /targetClassIds: expected classes from 0 to 2, got 3/,
  ],
  'weights of other labels than the outputs': [
    compile(() => ({ metrics: [metrics.auc({ multiLabel: true, labelWeights: [1, 2] })] })),
    /labelWeights: expected 3 numbers/,
  ],
  ...Object.fromEntries(
    (['accuracy', 'acc', metrics.accuracy({ name: 'right' })] as const).map((metric, i) => [
      `the accuracy of a regression, ${i}`,
      [
        () =>
          sequential([layers.dense({ units: 1, inputShape: [2] }), layers.flatten()]).compile({
            loss: 'meanSquaredError',
            metrics: [metric],
          }),
        /expected a model that classifies: .*are a regression; take 'mae'/,
      ] as const,
    ]),
  ),
}

describe('options without effect', () => {
  for (const [name, [call, reason]] of Object.entries(cases)) {
    it(`are refused with the reason: ${name}`, async () => {
      await rejects((async () => call())(), 'ERR_ARGUMENT', reason)
    })
  }

  it('are taken from files, which hold all options', async () => {
    await inFolder(async (folder) => {
      const loss = losses.binaryFocalCrossentropy({ fromLogits: true })
      using model = sequential([
        layers.dense({ units: 2, useBias: false, inputShape: [2] }),
        layers.batchNormalization({ center: false, scale: false }),
        layers.dense({ units: 1 }),
      ]).compile({ loss, metrics: [metrics.fBetaScore({ classId: 0 }), metrics.r2Score({ classId: 0 })] })
      await model.save(`${folder}/m`)
      using again = await load(`${folder}/m`)
      assert.deepEqual(again.loss, loss)
      throws(() => losses.binaryFocalCrossentropy({ alpha: 0.25 }), 'ERR_ARGUMENT', /alpha/)
    })
  })

  it('say where a model works that was not compiled', async () => {
    await inFolder(async (folder) => {
      await sequential([layers.dense({ units: 1, inputShape: [2] })]).save(`${folder}/m`)
      using model = await load(`${folder}/m`, { device: 'cpu', threads: 1 })
      assert.deepEqual([model.device, model.threads], ['cpu', 1])
    })
  })

  it('are taken where they have one', async () => {
    await train(x, { validationSplit: 0.5, validationBatchSize: 4, validationFreq: 1 })()
    await train(batches, { shuffle: false })()
    optimizers.adam({ useEma: true, emaMomentum: 0.9 })
    schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 10, warmupTarget: 1, warmupSteps: 5 })
    compile(() => ({ loss: losses.binaryFocalCrossentropy({ alpha: 0.4, applyClassBalancing: true }) }))()
    compile(() => ({ metrics: [metrics.precision({ classId: 2, topK: 3 })] }))()
    compile(() => ({ metrics: [metrics.binaryAccuracy({ threshold: 1 }), metrics.iou({ numClasses: 3 })] }))()
    await train(x, { shuffle: true, seed: 1 })()
    await train(x, { verbose: 2, stream: { write: () => true } })()
    await train(x, { verbose: 0, stream: process.stdout })()
    optimizers.sgd({ nesterov: false })
    optimizers.adamw({ excludeFromWeightDecay: ['bias'] })
    layers.dense({ units: 1, useBias: false, biasInitializer: null as never, biasRegularizer: null })
    const one = (options: object, activation: 'linear' | 'sigmoid') =>
      sequential([layers.dense({ units: 1, activation, inputShape: [2] })]).compile(options as never)
    one({ loss: 'mse', metrics: ['accuracy'] }, 'sigmoid')
    one({ loss: 'hinge', metrics: ['accuracy'] }, 'linear')
    one({ loss: 'mse', metrics: ['binaryAccuracy', metrics.binaryAccuracy({ threshold: 50, name: 'over' })] }, 'linear')
    callbacks.modelCheckpoint('a', { monitor: 'loss', saveBestOnly: true })
    throws(() => optimizers.adam({ useEma: false, emaMomentum: 0.9 }), 'ERR_ARGUMENT', /emaMomentum/)
  })
})
