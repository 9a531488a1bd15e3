/** The state of callbacks and its owner: nothing that a callback does may harm later trainings or files. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Callback, type CallbackState, callbacks, load } from 'neurode'
import { inFolder, rejects } from './data/files.js'
import { classifier, clouds } from './support/problems.js'

const quiet = { verbose: 0, batchSize: 16 } as const
const { x, y } = clouds(96, 6, 3)

const remembering = (getState: () => unknown): Callback => ({ name: 'mine', getState: getState as () => CallbackState })

describe('states of callbacks', () => {
  it('that cannot be had are an error of the save that wants them, and of no later fit', async () => {
    await inFolder(async (folder) => {
      using model = classifier()
      const failing = remembering(() => {
        throw new Error('on purpose')
      })
      await model.fit(x, y, { ...quiet, callbacks: failing })
      await rejects(model.save(join(folder, 'a.neurode')), 'ERR_ARGUMENT', /callback 'mine': getState.*on purpose/)
      await model.saveWeights(join(folder, 'a.safetensors'))
      await model.fit(x, y, quiet)
      await model.save(join(folder, 'a.neurode'))
    })
  })

  const nested: object[] = [{}]
  nested[0] = { deeper: nested }
  const unsavable: readonly [what: string, state: () => unknown][] = [
    ['a promise', async () => ({ values: {} })],
    ['a promise that rejects', () => Promise.reject(new Error('nobody hears this'))],
    ['nothing but a number', () => 7],
    ['null', () => null],
    ['no values', () => ({ arrays: [] })],
    ['values that are a list of dates', () => ({ values: { at: [new Date()] } })],
    ['a Map', () => ({ values: { seen: new Map([[1, 2]]) } })],
    ['a Float64Array among the values', () => ({ values: { best: Float64Array.of(1) } })],
    ['a Float64Array among the arrays', () => ({ values: {}, arrays: [Float64Array.of(1)] })],
    ['a list among the arrays', () => ({ values: {}, arrays: [[1, 2]] })],
    ['a function', () => ({ values: { f: () => 1 } })],
    ['a bigint', () => ({ values: { n: 1n } })],
    ['a hole in a list', () => ({ values: { list: [1, undefined] } })],
    ['a name that files use themselves', () => ({ values: { a: { $number: '1' } } })],
    ['itself', () => ({ values: { nested } })],
  ]
  for (const [what, state] of unsavable) {
    it(`are refused by save where load would not give them back: ${what}`, async () => {
      await inFolder(async (folder) => {
        using model = classifier()
        await model.fit(x, y, { ...quiet, callbacks: remembering(state) })
        await rejects(model.save(join(folder, 'a.neurode')), 'ERR_ARGUMENT', /callback 'mine': getState/)
      })
    })
  }

  it('come back as they were', async () => {
    await inFolder(async (folder) => {
      const values = {
        numbers: [0, -0, 1 / 3, Number.NaN, Infinity, -Infinity],
        list: [null, true, '', 'ü', [], [[]], {}],
        kind: 'schedule',
        name: 'cosine',
        inner: { kind: 'schedule', name: 'constant', ['__proto__']: { own: 1 } },
      }
      Object.defineProperty(values, '__proto__', { value: 'own', enumerable: true })
      const path = join(folder, 'a.neurode')
      using model = classifier()
      await model.fit(x, y, { ...quiet, callbacks: remembering(() => ({ values, arrays: [Float32Array.of(1, -0)] })) })
      await model.save(path)
      using again = await load(path)
      let got: CallbackState | undefined
      const taking: Callback = {
        name: 'mine',
        setState: async (state) => {
          await undefined
          got = state
        },
      }
      await again.fit(x, y, { ...quiet, resume: true, epochs: 2, callbacks: taking })
      assert.deepEqual(got?.values, values)
      assert.deepEqual(got?.arrays, [Float32Array.of(1, -0)])
    })
  })

  it('belong to the training they are of, and not to one that used the object before', async () => {
    await inFolder(async (folder) => {
      const stopping = callbacks.earlyStopping({ monitor: 'loss', patience: 5 })
      using first = classifier()
      using second = classifier({ seed: 2 })
      await first.fit(x, y, { ...quiet, callbacks: stopping })
      await second.fit(x, y, { ...quiet, callbacks: stopping })
      await first.save(join(folder, 'first.neurode'))
      using loaded = await load(join(folder, 'first.neurode'))
      let restored = 0
      const again: Callback = { name: 'earlyStopping', setState: () => restored++ }
      await loaded.fit(x, y, { ...quiet, resume: true, epochs: 2, callbacks: again })
      assert.equal(restored, 0)
    })
  })
})

describe('callback objects', () => {
  it('are in one fit at a time, once', async () => {
    await inFolder(async (folder) => {
      const all: readonly Callback[] = [
        callbacks.earlyStopping({ monitor: 'loss' }),
        callbacks.reduceLROnPlateau({ monitor: 'loss' }),
        callbacks.learningRateScheduler((_, rate) => rate),
        callbacks.modelCheckpoint(join(folder, 'a.neurode')),
        callbacks.backupAndRestore(join(folder, 'backups')),
        callbacks.csvLogger(join(folder, 'a.csv')),
        callbacks.terminateOnNaN(),
        callbacks.dashboard({ onListening: () => {} }),
        callbacks.lambda({ onEpochEnd: () => {} }),
        { onEpochEnd: () => {} },
      ]
      for (const callback of all) {
        using first = classifier()
        using second = classifier()
        const fit = first.fit(x, y, { ...quiet, callbacks: callback })
        await rejects(
          second.fit(x, y, { ...quiet, callbacks: [{ onEpochEnd: () => {} }, callback] }),
          'ERR_MODEL_BUSY',
          /make one for each use/,
        )
        await fit
        await rejects(second.fit(x, y, { ...quiet, callbacks: [callback, callback] }), 'ERR_MODEL_BUSY', /twice/)
        await assert.rejects(second.fit(x, 'nothing' as never, { ...quiet, callbacks: callback }))
        await second.fit(x, y, { ...quiet, callbacks: callback })
      }
    })
  })
})

describe('hooks of callbacks', () => {
  class Old {
    epochs = 0
    on_epoch_end() {
      this.epochs++
    }
  }
  class Heir extends Old {}
  const misspelt: readonly [name: string, callback: object][] = [
    ['on_epoch_end', { on_epoch_end: () => {} }],
    ['on_epoch_end', new Heir()],
    ['onEpochEnded', { onEpochEnded: () => {} }],
    ['epochEnd', { epochEnd: () => {} }],
    ['OnTrainBegin', { OnTrainBegin: () => {} }],
    ['onPredictBegin', { onPredictBegin: () => {} }],
    [
      'onTestEnd',
      new (class {
        onTestEnd() {}
      })(),
    ],
  ]
  for (const [name, callback] of misspelt) {
    it(`are refused where they are not called so: ${name} of ${callback.constructor.name}`, async () => {
      using model = classifier()
      await rejects(
        model.fit(x, y, { ...quiet, callbacks: callback as Callback }),
        'ERR_UNKNOWN_NAME',
        new RegExp(`'${name}'`),
      )
    })
  }

  it('are missed in objects that have none, such as copies', async () => {
    using model = classifier()
    for (const callback of [
      {},
      { ...callbacks.earlyStopping() },
      JSON.parse(JSON.stringify(callbacks.terminateOnNaN())),
    ]) {
      await rejects(
        model.fit(x, y, { ...quiet, callbacks: callback as Callback }),
        'ERR_ARGUMENT',
        /such as onEpochEnd, got none/,
      )
    }
  })

  it('may be those of a class', async () => {
    using model = classifier()
    class Counting {
      epochs = 0
      #helper() {
        return 1
      }
      lower() {}
      onEpochEnd() {
        this.epochs += this.#helper()
      }
    }
    const counting = new Counting()
    await model.fit(x, y, { ...quiet, epochs: 3, callbacks: counting })
    assert.equal(counting.epochs, 3)
  })
})
