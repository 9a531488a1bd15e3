/** The callbacks: when they stop training, what they change and what they write. */

import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { type Callback, callbacks, layers, load, sequential } from 'neurode'
import { inFolder, rejects, throws } from './data/files.js'
import { classifier, clouds } from './support/problems.js'

const quiet = { verbose: 0, batchSize: 16 } as const
const { x, y } = clouds(96, 6, 3)

/** Gives values to a callback as an epoch's logs; returns the epoch after which it stopped training. */
async function stopsAfter(
  callback: Callback,
  values: readonly number[],
  key = 'val_loss',
): Promise<number | undefined> {
  using model = classifier()
  let stopped: number | undefined
  const context = {
    model: model as never,
    epochs: values.length,
    keys: [key],
    direction: () => 'min' as const,
    stop: (reason: string) => {
      assert.equal(reason, 'earlyStopping')
      stopped ??= epoch
    },
    resume: () => {},
  }
  let epoch = 0
  await callback.onTrainBegin?.({}, context)
  for (; epoch < values.length && stopped === undefined; epoch++) {
    await callback.onEpochEnd?.(epoch, { loss: Number.NaN, [key]: values[epoch] as number })
  }
  return stopped
}

describe('callbacks.earlyStopping', () => {
  const cases: readonly [title: string, options: object, values: number[], epoch: number | undefined][] = [
    ['stops at the first epoch that is no better', {}, [3, 2, 2, 1], 2],
    ['never stops after the first epoch', {}, [Number.NaN, 1], undefined],
    ['waits for patience', { patience: 2 }, [3, 4, 2, 3, 3, 1], 4],
    ['wants more than minDelta', { minDelta: 0.5 }, [3, 2.6, 1], 1],
    ['wants larger values with mode max', { mode: 'max' }, [1, 2, 3, 3], 3],
    ['begins at startFromEpoch', { startFromEpoch: 3 }, [1, 2, 3, 9, 9.5], 4],
    ['gives up on a baseline never reached', { baseline: 0.5, patience: 2 }, [3, 2, 1.5, 1, 0.9], undefined],
    ['counts against a baseline', { baseline: 0.5, patience: 2 }, [3, 2, 2.5], 2],
    ['takes NaN for no improvement', { patience: 1 }, [3, Number.NaN], 1],
  ]
  for (const [title, options, values, epoch] of cases) {
    it(title, async () => assert.equal(await stopsAfter(callbacks.earlyStopping(options), values), epoch))
  }

  it('restores the best weights and says so in stopReason', async () => {
    using model = classifier({ optimizer: { learningRate: 0.05 } })
    const seen: number[][] = []
    const stopping = callbacks.earlyStopping({ monitor: 'loss', patience: 2, restoreBestWeights: true })
    const result = await model.fit(x, y, {
      ...quiet,
      epochs: 20,
      callbacks: [
        stopping,
        {
          onEpochEnd(epoch) {
            seen.push([...(model.getWeights()[0]?.data ?? [])])
            const { optimizer } = model
            assert.ok(optimizer)
            if (epoch === 3) optimizer.learningRate = 30
          },
        },
      ],
    })
    assert.equal(result.stopReason, 'earlyStopping')
    const best = result.history.loss.indexOf(Math.min(...result.history.loss))
    assert.deepEqual([stopping.bestEpoch, stopping.stoppedEpoch], [best, best + 2])
    assert.equal(stopping.best, result.history.loss[best])
    assert.deepEqual([...(model.getWeights()[0]?.data ?? [])], seen[best])
  })

  it('watches accuracy upwards, and refuses a key that never comes', async () => {
    using model = classifier()
    const watch = (monitor: string) => model.fit(x, y, { ...quiet, callbacks: callbacks.earlyStopping({ monitor }) })
    await rejects(watch('val_loss'), 'ERR_UNKNOWN_NAME', /no key 'val_loss'/)
    await rejects(watch('acuracy'), 'ERR_UNKNOWN_NAME', /did you mean 'accuracy'/)
    const stopping = callbacks.earlyStopping({ monitor: 'accuracy', patience: 3 })
    const { history } = await model.fit(x, y, { ...quiet, epochs: 6, callbacks: stopping })
    assert.equal(stopping.best, Math.max(...history.accuracy))
    throws(() => callbacks.earlyStopping({ patience: -1 }), 'ERR_ARGUMENT', /patience/)
    throws(() => callbacks.earlyStopping({ mode: 'up' as never }), 'ERR_UNKNOWN_NAME', /mode/)
  })
})

describe('callbacks.reduceLROnPlateau', () => {
  async function rates(options: object, values: readonly number[], first = 1): Promise<number[]> {
    using model = classifier({ optimizer: { learningRate: first } })
    const callback = callbacks.reduceLROnPlateau({ monitor: 'loss', ...options })
    const context = { model: model as never, epochs: 9, keys: ['loss'], direction: () => 'min' as const }
    await callback.onTrainBegin?.({}, { ...context, stop: () => {}, resume: () => {} })
    return values.map((loss, epoch) => {
      callback.onEpochEnd?.(epoch, { loss })
      return model.optimizer?.learningRate as number
    })
  }

  it('lowers the rate after patience, again and again', async () => {
    assert.deepEqual(await rates({ patience: 2, factor: 0.5 }, [3, 3, 3, 3, 3]), [1, 1, 0.5, 0.5, 0.25])
  })
  it('does not count while it cools down', async () => {
    const found = await rates({ patience: 1, factor: 0.5, cooldown: 2 }, [3, 3, 3, 3, 3])
    assert.deepEqual(found, [1, 0.5, 0.5, 0.25, 0.25])
  })
  it('stops at minLearningRate, and wants more than minDelta', async () => {
    const found = await rates({ patience: 1, minLearningRate: 0.04, minDelta: 0.1 }, [3, 2.95, 2.8, 2.75, 2.75])
    assert.deepEqual(found, [1, 0.1, 0.1, 0.04, 0.04])
  })
  it('refuses schedules and factors that do not lower', async () => {
    throws(() => callbacks.reduceLROnPlateau({ factor: 1 }), 'ERR_ARGUMENT', /factor/)
    using model = classifier({ optimizer: { learningRate: () => 0.1 } })
    const fit = model.fit(x, y, { ...quiet, callbacks: callbacks.reduceLROnPlateau({ monitor: 'loss' }) })
    await rejects(fit, 'ERR_ARGUMENT', /learningRate is a number/)
  })
})

describe('callbacks', () => {
  it('learningRateScheduler sets the rate before every epoch', async () => {
    using model = classifier({ optimizer: { learningRate: 0.5 } })
    const seen: number[][] = []
    const halve = callbacks.learningRateScheduler((epoch, rate) => {
      seen.push([epoch, rate])
      return rate / 2
    })
    await model.fit(x, y, { ...quiet, epochs: 3, callbacks: [halve] })
    assert.deepEqual(seen, [
      [0, 0.5],
      [1, 0.25],
      [2, 0.125],
    ])
    const wrong = callbacks.learningRateScheduler(() => Number.NaN)
    await rejects(model.fit(x, y, { ...quiet, callbacks: wrong }), 'ERR_ARGUMENT', /schedule\(0\)/)
  })

  it('csvLogger writes a line per epoch, and goes on where asked', async () => {
    await inFolder(async (folder) => {
      const path = join(folder, 'log.csv')
      using model = classifier()
      const run = (epochs: number, initialEpoch: number, append: boolean) =>
        model.fit(x, y, {
          ...quiet,
          epochs,
          initialEpoch,
          validationData: [x, y],
          validationFreq: 2,
          callbacks: callbacks.csvLogger(path, { append, separator: ';' }),
        })
      const { history } = await run(2, 0, false)
      await run(3, 2, true)
      const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
      assert.equal(lines[0], 'epoch;loss;accuracy;val_loss;val_accuracy')
      assert.equal(lines[1], `0;${history.loss[0]};${history.accuracy[0]};NA;NA`)
      assert.match(lines[2] ?? '', /^1;[\d.]+;[\d.]+;[\d.]+;[\d.]+$/)
      assert.equal(lines.length, 4)
      await run(1, 0, false)
      assert.equal(readFileSync(path, 'utf8').trimEnd().split('\n').length, 2)
      const nowhere = callbacks.csvLogger(join(path, 'log.csv'))
      await rejects(model.fit(x, y, { ...quiet, callbacks: nowhere }), 'ERR_FILE_WRITE')
    })
  })

  it('terminateOnNaN ends training', async () => {
    using model = sequential([layers.dense({ units: 1, inputShape: [1] })]).compile({ loss: 'mse', optimizer: 'sgd' })
    const { stopReason, epochs } = await model.fit([[1], [2]], [[Number.NaN], [1]], {
      ...quiet,
      epochs: 5,
      callbacks: callbacks.terminateOnNaN(),
    })
    assert.deepEqual([stopReason, epochs], ['terminateOnNaN', 1])
  })

  it('lambda calls its functions, batch hooks as often as batchInterval says', async () => {
    using model = classifier()
    const ends: number[] = []
    const begins: number[] = []
    const callback = callbacks.lambda({
      batchInterval: 4,
      onBatchBegin: (batch) => begins.push(batch),
      onBatchEnd: (batch) => ends.push(batch),
    })
    await model.fit(x, y, { ...quiet, epochs: 1, callbacks: [callback] })
    assert.deepEqual(
      [begins, ends],
      [
        [0, 4],
        [3, 5],
      ],
    )
    await rejects(
      model.fit(x, y, { ...quiet, callbacks: { ...callback, batchInterval: 0 } }),
      'ERR_ARGUMENT',
      /batchInterval/,
    )
    throws(() => callbacks.lambda({ onEpoch: 1 } as never), 'ERR_UNKNOWN_NAME', /callbacks\.lambda: .*'onEpoch'/)
  })

  it('modelCheckpoint saves every epoch, or the best', async () => {
    await inFolder(async (folder) => {
      using model = classifier()
      const every = callbacks.modelCheckpoint(join(folder, 'm-{epoch:02}-{loss:.3f}.neurode'))
      const best = callbacks.modelCheckpoint(join(folder, 'best.npz'), {
        monitor: 'accuracy',
        saveBestOnly: true,
        saveWeightsOnly: true,
        initialValueThreshold: 2,
      })
      const { history } = await model.fit(x, y, { ...quiet, epochs: 3, callbacks: [every, best] })
      const names = (await readdir(folder)).sort()
      assert.deepEqual(
        names,
        Array.from(history.loss, (loss, i) => `m-0${i + 1}-${loss.toFixed(3)}.neurode`),
      )
      using last = await load(join(folder, names[2] as string))
      assert.deepEqual(last.getWeights(), model.getWeights())
      const unknown = callbacks.modelCheckpoint(join(folder, '{val_loss}'))
      await rejects(model.fit(x, y, { ...quiet, callbacks: unknown }), 'ERR_UNKNOWN_NAME', /no value 'val_loss'/)
    })
  })

  it('modelCheckpoint saves after batches', async () => {
    await inFolder(async (folder) => {
      using model = classifier()
      const every = callbacks.modelCheckpoint(join(folder, '{epoch}-{batch}'), { saveFreq: 4 })
      await model.fit(x, y, { ...quiet, epochs: 2, callbacks: every })
      assert.deepEqual((await readdir(folder)).sort(), ['1-4', '1-6', '2-4', '2-6'])
    })
  })
})
