/** Options that would change nothing in the company they are given in, or that point past the model: refused, with the reason. */

import { callbacks, layers, losses, metrics, optimizers, schedules, sequential } from 'neurode'
import { rejects, throws } from './data/files.js'
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

/** What is refused, and the words that say why. */
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
  'a metric called as JavaScript calls a prototype': [() => metrics.auc({ name: '__proto__' }), /name: /],
  'a metric called as the column of epochs': [() => metrics.auc({ name: 'epoch' }), /name: /],
}

describe('options without effect', () => {
  for (const [name, [call, reason]] of Object.entries(cases)) {
    it(`are refused with the reason: ${name}`, async () => {
      await rejects((async () => call())(), 'ERR_ARGUMENT', reason)
    })
  }

  it('are taken where they have one', async () => {
    await train(x, { validationSplit: 0.5, validationBatchSize: 4, validationFreq: 1 })()
    await train(batches, { shuffle: false })()
    optimizers.adam({ useEma: true, emaMomentum: 0.9 })
    schedules.cosineDecay({ initialLearningRate: 0.1, decaySteps: 10, warmupTarget: 1, warmupSteps: 5 })
    compile(() => ({ loss: losses.binaryFocalCrossentropy({ alpha: 0.4, applyClassBalancing: true }) }))()
    compile(() => ({ metrics: [metrics.precision({ classId: 2 })] }))()
    callbacks.modelCheckpoint('a', { monitor: 'loss', saveBestOnly: true })
    throws(() => optimizers.adam({ useEma: false, emaMomentum: 0.9 }), 'ERR_ARGUMENT', /emaMomentum/)
  })
})
