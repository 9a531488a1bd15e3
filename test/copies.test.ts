/** Options accept the objects of factories, and refuse copies of them: copies have lost methods, or hold unchecked values. */

import assert from 'node:assert/strict'
import {
  activations,
  callbacks,
  constraints,
  initializers,
  layers,
  load,
  losses,
  metrics,
  optimizers,
  PreprocessingLayer,
  regularizers,
  schedules,
  sequential,
} from 'neurode'
import { inFolder } from './data/files.js'
import { classifier, clouds } from './support/problems.js'
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
} from './support/publicOptions.js'
import type { Anything } from './support/refusals.js'

/** Copies of an object. Copies of the same class have none of its private fields. */
const copies: Readonly<Record<string, (value: object) => unknown>> = {
  'by spread': (value) => ({ ...value }),
  'by JSON': (value) => JSON.parse(JSON.stringify(value)),
  'of the same class': (value) => Object.assign(Object.create(Object.getPrototypeOf(value)), value),
}

/** Passes a value to an option that takes its kind of object. */
type Use = (value: Anything, name: string) => unknown

const dense = (options: object) => layers.dense({ units: 2, inputShape: [2], ...options })
const compile = (options: object, units = 3) =>
  sequential([layers.dense({ units, activation: 'sigmoid', inputShape: [2] })]).compile({ loss: 'mse', ...options })
const custom = losses.custom({ name: 'own', compute: () => ({ loss: 0, gradient: [] }) })
const ownMetric = metrics.custom({ name: 'own', rows: () => [] })

const kinds: Readonly<Record<string, readonly [from: Anything, examples: Readonly<Record<string, object>>, use: Use]>> =
  {
    layer: [layers, layerOptions, (layer) => sequential([layer])],
    activation: [activations, activationOptions, (activation) => dense({ activation })],
    initializer: [initializers, initializerOptions, (kernelInitializer) => dense({ kernelInitializer })],
    regularizer: [regularizers, regularizerOptions, (kernelRegularizer) => dense({ kernelRegularizer })],
    constraint: [constraints, constraintOptions, (kernelConstraint) => dense({ kernelConstraint })],
    optimizer: [optimizers, optimizerOptions, (optimizer) => compile({ optimizer })],
    schedule: [schedules, scheduleOptions, (learningRate) => optimizers.sgd({ learningRate })],
    loss: [losses, lossOptions, (loss, name) => compile({ loss }, isOfClasses(name) ? 3 : 1)],
    metric: [
      metrics,
      metricOptions,
      (metric, name) =>
        isOfClasses(name)
          ? compile({ loss: 'categoricalCrossentropy', metrics: [metric] })
          : compile({ loss: 'binaryCrossentropy', metrics: [metric] }, 1),
    ],
  }

/** All objects that the factories of a table make, by name. */
function made(from: Anything, examples: Readonly<Record<string, object>>): [name: string, make: () => object][] {
  const without = Object.keys(from).filter((name) => name !== 'custom' && !(name in examples))
  return [
    ...without.map((name): [string, () => object] => [name, () => from[name]()]),
    ...Object.entries(examples).map(([title, options]): [string, () => object] => {
      const [name = ''] = title.split(' ')
      return [name, () => from[name](options)]
    }),
  ]
}

async function assertRefusedCopies(make: () => object, use: Use, name: string): Promise<void> {
  await use(make(), name)
  for (const [how, copy] of Object.entries(copies)) {
    await assert.rejects(
      async () => use(copy(make()), name),
      (error: NodeJS.ErrnoException) => /^ERR_(ARGUMENT|UNKNOWN_NAME)$/.test(error.code ?? ''),
      `${name}, a copy ${how}`,
    )
  }
}

describe('copies are refused', () => {
  for (const [kind, [from, examples, use]] of Object.entries(kinds)) {
    it(`of every ${kind}`, async () => {
      // Layers that compute before a model are passed to no function.
      const all = made(from, examples).filter(([, make]) => !(make() instanceof PreprocessingLayer))
      assert.ok(all.length > 2)
      for (const [name, make] of all) await assertRefusedCopies(make, use, name)
    })
  }

  it('of losses and metrics of the user’s, also where a model is loaded', async () => {
    await assertRefusedCopies(
      () => custom,
      (loss) => compile({ loss }),
      'losses.custom',
    )
    await assertRefusedCopies(
      () => ownMetric,
      (metric) => compile({ metrics: [metric] }),
      'metrics.custom',
    )
    await inFolder(async (folder) => {
      using model = compile({ loss: custom, metrics: [ownMetric] })
      await model.save(`${folder}/own`)
      await assertRefusedCopies(
        () => custom,
        (loss) => load(`${folder}/own`, { losses: [loss] }),
        'losses',
      )
      await assertRefusedCopies(
        () => ownMetric,
        (metric) => load(`${folder}/own`, { metrics: [metric] }),
        'metrics',
      )
    })
  })

  it('of every callback', async () => {
    const { x, y } = clouds(16)
    await inFolder(async (folder) => {
      const all: Readonly<Record<string, () => object>> = {
        earlyStopping: () => callbacks.earlyStopping({ monitor: 'loss' }),
        reduceLROnPlateau: () => callbacks.reduceLROnPlateau({ monitor: 'loss' }),
        learningRateScheduler: () => callbacks.learningRateScheduler((_, rate) => rate),
        csvLogger: () => callbacks.csvLogger(`${folder}/log.csv`),
        tensorBoard: () => callbacks.tensorBoard({ logDir: `${folder}/logs` }),
        'tensorBoard of batches': () => callbacks.tensorBoard({ logDir: `${folder}/logs`, updateFreq: 'batch' }),
        dashboard: () => callbacks.dashboard({ onListening: () => {} }),
        terminateOnNaN: () => callbacks.terminateOnNaN(),
        modelCheckpoint: () => callbacks.modelCheckpoint(`${folder}/best.neurode`),
        'modelCheckpoint of batches': () => callbacks.modelCheckpoint(`${folder}/best.neurode`, { saveFreq: 2 }),
        backupAndRestore: () => callbacks.backupAndRestore(`${folder}/backups`),
        'backupAndRestore of batches': () => callbacks.backupAndRestore(`${folder}/backups`, { saveFreq: 2 }),
      }
      const names = new Set(Object.keys(all).map((name) => name.split(' ')[0]))
      assert.deepEqual(
        Object.keys(callbacks).filter((name) => !names.has(name)),
        ['lambda'],
      )
      for (const [name, make] of Object.entries(all)) {
        for (const how of ['by spread', 'by JSON']) {
          using model = classifier()
          const copy = copies[how]?.(make()) as object
          await assert.rejects(
            model.fit(x, y, { verbose: 0, callbacks: [copy] }),
            { code: 'ERR_ARGUMENT', message: /callbacks\[0\]: expected an object with functions/ },
            `${name}, a copy ${how}`,
          )
        }
      }
      assert.throws(() => callbacks.lambda(callbacks.earlyStopping()), {
        code: 'ERR_ARGUMENT',
        message: /EarlyStopping/,
      })
    })
  })
})
