/** User functions that may return promises: each promise is awaited, or refused; none is ignored. */

import assert from 'node:assert/strict'
import { type Callback, callbacks, type FitOptions, losses, metrics } from 'neurode'
import { hooks } from '#lib/training/callbacks.js'
import { rejects } from './data/files.js'
import { classifier, clouds } from './support/problems.js'

const quiet = { verbose: 0, batchSize: 16 } as const
const { x, y } = clouds(96, 6, 3)

/** Every user function that a fit calls, with the options that pass it. */
const functions: readonly [name: string, options: (call: () => unknown) => FitOptions][] = [
  ...hooks.map((hook): [string, (call: () => unknown) => FitOptions] => [
    `a callback's ${hook}`,
    (call) => ({ callbacks: { [hook]: call } }),
  ]),
  ['onProgress', (call) => ({ onProgress: call })],
  ["the dashboard's onListening", (call) => ({ callbacks: callbacks.dashboard({ onListening: call }) })],
]

describe('functions of the user', () => {
  let unhandled: unknown[] = []
  const note = (reason: unknown) => unhandled.push(reason)
  beforeEach(() => {
    unhandled = []
    process.on('unhandledRejection', note)
  })
  afterEach(async () => {
    await new Promise((resolve) => setImmediate(resolve))
    process.off('unhandledRejection', note)
    assert.deepEqual(unhandled, [])
  })

  for (const [name, options] of functions) {
    it(`are waited for, and what they reject with is what fit rejects with: ${name}`, async () => {
      using model = classifier()
      const failure = new Error('on purpose')
      const late = async () => {
        await new Promise((resolve) => setTimeout(resolve, 1))
        throw failure
      }
      await assert.rejects(model.fit(x, y, { ...quiet, ...options(late) }), (error) => error === failure)
      await model.fit(x, y, quiet)
    })

    it(`never keep a fit that was aborted: ${name}`, async () => {
      using model = classifier()
      const controller = new AbortController()
      const hangs = () => {
        setTimeout(() => controller.abort(), 1)
        return new Promise(() => {})
      }
      await rejects(model.fit(x, y, { ...quiet, ...options(hangs), signal: controller.signal }), 'ERR_ABORTED')
      await model.fit(x, y, quiet)
    })
  }

  it('that close are all called, and what failed first is what fit rejects with', async () => {
    using model = classifier()
    const first = new Error('first')
    const closing = [new Error('second'), new Error('third')]
    const closed: number[] = []
    const closers = closing.map(
      (error, i): Callback => ({
        onTrainClose: async () => {
          closed.push(i)
          throw error
        },
      }),
    )
    const failing: Callback = {
      onEpochEnd: () => {
        throw first
      },
    }
    await assert.rejects(model.fit(x, y, { ...quiet, callbacks: [...closers, failing] }), (error) => error === first)
    await assert.rejects(model.fit(x, y, { ...quiet, callbacks: closers }), (error) => error === closing[0])
    assert.deepEqual(closed, [0, 1, 0, 1])
  })

  it('that must answer at once are refused where they give promises', async () => {
    const rejecting = async () => {
      throw new Error('nobody hears this')
    }
    const loss = losses.custom({ name: 'mine', targets: 1, compute: rejecting as never })
    using own = classifier().compile({ loss })
    await rejects(own.fit(x, y, quiet), 'ERR_ARGUMENT', /loss 'mine'.*got a Promise/)
    const states: readonly [says: RegExp, metric: object][] = [
      [/updateState: .*got a Promise/, { state: () => ({ updateState: rejecting, result: () => 1 }) }],
      [/result: .*got a Promise/, { state: () => ({ updateState: () => {}, result: rejecting }) }],
      [/rows: .*got a Promise/, { rows: rejecting }],
    ]
    for (const [says, metric] of states) {
      const own = metrics.custom({ name: 'mine', ...metric } as never)
      using model = classifier().compile({ loss: 'sparseCategoricalCrossentropy', metrics: [own] })
      await rejects(model.evaluate(x, y), 'ERR_ARGUMENT', says)
      await rejects(model.fit(x, y, quiet), 'ERR_ARGUMENT', says)
    }
    using model = classifier()
    const rates = callbacks.learningRateScheduler(rejecting as never)
    await rejects(model.fit(x, y, { ...quiet, callbacks: rates }), 'ERR_ARGUMENT', /schedule\(0\).*got a Promise/)
    using scheduled = classifier({ optimizer: { learningRate: rejecting as never } })
    await rejects(scheduled.fit(x, y, quiet), 'ERR_ARGUMENT', /learningRate.*got a Promise/)
  })

  it('that give batches are given up when predictStream is aborted', async () => {
    using model = classifier()
    const controller = new AbortController()
    async function* source() {
      yield x
      await new Promise(() => {})
    }
    const rows: number[] = []
    const reading = (async () => {
      for await (const { shape } of model.predictStream(source, { signal: controller.signal })) {
        rows.push(shape[0] as number)
        setTimeout(() => controller.abort(), 1)
      }
    })()
    await rejects(reading, 'ERR_ABORTED', /predictStream/)
    assert.equal(rows.length, 1)
  })
})
