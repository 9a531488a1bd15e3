/** Quick work, which the JavaScript thread does at once behind a promise, and epochs that are one range. */

import assert from 'node:assert/strict'
import { array, layers, losses, sequential } from 'neurode'
import { isEmulated, perDevice } from './support/devices.js'

const x = array(
  Float32Array.from({ length: 32 }, (_, i) => ((i * 37) % 16) / 8 - 1),
  [8, 4],
)
const y = array(
  Float32Array.from({ length: 16 }, (_, i) => ((i * 29) % 8) / 8),
  [8, 2],
)

perDevice('quick work', (device) => {
  const many = isEmulated(device) ? 20 : 300

  const make = (threads = 1) =>
    sequential({
      layers: [layers.dense({ units: 8, activation: 'tanh', inputShape: [4] }), layers.dense({ units: 2 })],
      seed: 3,
    }).compile({ loss: 'mse', optimizer: 'adam', metrics: ['mae'], device, ...(device === 'cpu' ? { threads } : {}) })
  type Model = ReturnType<typeof make>

  const calls: Readonly<Record<string, (model: Model) => Promise<unknown>>> = {
    predict: (model) => model.predict(x),
    predictOnBatch: (model) => model.predictOnBatch(x),
    evaluate: (model) => model.evaluate(x, y),
    testOnBatch: (model) => model.testOnBatch(x, y),
    trainOnBatch: (model) => model.trainOnBatch(x, y),
    fit: (model) => model.fit(x, y, { batchSize: 4, verbose: 0, callbacks: { onBatchEnd() {} } }),
    'fit on batches': (model) => model.fit([{ x, y }], { verbose: 0 }),
    valueAndGradients: (model) => model.valueAndGradients(x, y),
  }

  for (const [name, call] of Object.entries(calls)) {
    it(`leaves the event loop its turns, and the model is busy until it is done: ${name}`, async () => {
      using model = make()
      const weights = model.getWeights()
      let isOver = false
      const timer = setTimeout(() => {
        isOver = true
      }, 5)
      for (let i = 0; i < 1_000_000 && !isOver; i++) await call(model)
      clearTimeout(timer)
      assert.ok(isOver, 'a timer never came')
      const promise = call(model)
      if (device === 'cpu' && !name.startsWith('fit'))
        assert.throws(() => model.setWeights(weights), { code: 'ERR_MODEL_BUSY' })
      await promise
      model.setWeights(weights)
    })
  }

  it('gives the bits of work that waits for its turn', async () => {
    using waiting = make()
    using alone = make()
    // Of calls that are made together, the first may be done at once, and the others wait.
    const together = await Promise.all(Array.from({ length: 5 }, () => waiting.trainOnBatch(x, y)))
    const one: unknown[] = []
    for (let i = 0; i < 5; i++) one.push(await alone.trainOnBatch(x, y))
    assert.deepEqual(together, one)
    assert.deepEqual(bits(waiting), bits(alone))
    assert.deepEqual(await waiting.testOnBatch(x, y), await alone.evaluate(x, y))
    assert.deepEqual((await waiting.predict(x)).data, alone.predictSync(x).data)
  })

  it('takes steps in the order of the calls, quick or not', async () => {
    using together = make(2)
    using alone = make(2)
    const rows = isEmulated(device) ? 64 : 20_000
    const large = [
      array(new Float32Array(4 * rows).fill(0.5), [rows, 4]),
      array(new Float32Array(2 * rows), [rows, 2]),
    ] as const
    await Promise.all([together.trainOnBatch(...large), together.trainOnBatch(x, y)])
    await alone.trainOnBatch(...large)
    await alone.trainOnBatch(x, y)
    assert.deepEqual(bits(together), bits(alone))
  })

  it('computes gradients of the rows that the call was given, and of no others', async () => {
    using together = make()
    using alone = make()
    const expected = [await alone.valueAndGradients(x, y), await alone.backward(x, y)]
    const own = { x: array(x.data.slice(), [8, 4]), y: array(y.data.slice(), [8, 2]) }
    // The first may be done at once, and the others wait.
    const given = [
      together.valueAndGradients(own.x, own.y),
      together.backward(own.x, own.y),
      together.valueAndGradients(own.x, own.y),
    ]
    own.x.data.fill(9)
    own.y.data.fill(9)
    const [first, second, third] = await Promise.all(given)
    assert.deepEqual([first, second], expected)
    assert.deepEqual(third, first)
    const bad = array(new Float32Array(10), [5, 2])
    await assert.rejects(together.valueAndGradients(x, bad), { code: 'ERR_SHAPE' })
    assert.deepEqual(await together.valueAndGradients(x, y), first)
    assert.deepEqual(bits(together), bits(alone))
  })

  it('takes the steps of a custom loss one after the other', async () => {
    const loss = losses.custom({
      name: 'square',
      compute: ({ outputs, targets }) => {
        const gradient = outputs.map((output, i) => (output - (targets[i] as number)) / 8)
        return { loss: gradient.reduce((sum, each) => sum + 4 * each * each, 0), gradient }
      },
    })
    using together = make().compile({ loss, optimizer: 'adam', device })
    using alone = make().compile({ loss, optimizer: 'adam', device })
    const results = await Promise.all(Array.from({ length: 4 }, () => together.trainOnBatch(x, y)))
    const one: unknown[] = []
    for (let i = 0; i < 4; i++) one.push(await alone.trainOnBatch(x, y))
    assert.deepEqual(results, one)
    assert.deepEqual(bits(together), bits(alone))
  })

  it('evaluates and predicts with the weights of the steps before the call alone', async () => {
    const kinds = [calls.testOnBatch, calls.evaluate, calls.predict].filter((call) => call !== undefined)
    for (const call of kinds) {
      using together = make()
      using alone = make()
      const works = [call, calls.trainOnBatch, call, calls.trainOnBatch, call].filter((work) => work !== undefined)
      const expected: unknown[] = []
      for (const work of works) expected.push(await work(alone))
      assert.deepEqual(await Promise.all(works.map((work) => work(together))), expected)
    }
  })

  it('rejects, throws nothing, and counts no step, where it is refused', async () => {
    using model = make()
    const before = bits(model)
    const bad = array(new Float32Array(10), [5, 2])
    await assert.rejects(model.trainOnBatch(x, bad), { code: 'ERR_SHAPE' })
    await assert.rejects(model.testOnBatch(x, bad), { code: 'ERR_SHAPE' })
    assert.deepEqual(bits(model), before)
    using other = make()
    await model.trainOnBatch(x, y)
    await other.trainOnBatch(x, y)
    assert.deepEqual(bits(model), bits(other))
  })

  it('trains on batches of an iterable as on rows', async () => {
    using rows = make()
    using batches = make()
    const options = { epochs: 3, verbose: 0 } as const
    const first = await rows.fit(x, y, { ...options, batchSize: 4, shuffle: false })
    const half = (from: number) => ({
      x: array(x.data.slice(from * 4, (from + 4) * 4), [4, 4]),
      y: array(y.data.slice(from * 2, (from + 4) * 2), [4, 2]),
    })
    const second = await batches.fit([half(0), half(4)], options)
    assert.deepEqual(second.history, first.history)
    assert.deepEqual(bits(batches), bits(rows))
  })

  it('gives many epochs the bits and the history that callbacks see', async () => {
    for (const threads of [1, 2]) {
      using watched = make(threads)
      using unwatched = make(threads)
      for (const shuffle of [true, false]) {
        const options = { epochs: many, batchSize: 4, verbose: 0, shuffle } as const
        const seen: number[] = []
        const first = await watched.fit(x, y, {
          ...options,
          callbacks: { onEpochEnd: (_, { loss }) => seen.push(loss) },
        })
        const second = await unwatched.fit(x, y, options)
        assert.deepEqual(second.history, first.history)
        assert.deepEqual([...second.history.loss], seen)
        assert.equal(second.epochSeconds.length, many)
        assert.ok(second.epochSeconds.every((seconds) => seconds > 0))
        assert.deepEqual(unwatched.position, watched.position)
      }
      assert.deepEqual(bits(unwatched), bits(watched))
    }
  })

  it('goes on where many epochs were aborted or stopped', async () => {
    using whole = make()
    const options = { epochs: 10 * many, batchSize: 3, verbose: 0 } as const
    await whole.fit(x, y, options)
    using model = make()
    const aborts = new AbortController()
    setTimeout(() => aborts.abort(), 2)
    await model
      .fit(x, y, { ...options, signal: aborts.signal })
      .catch((error) => assert.equal(error.code, 'ERR_ABORTED'))
    setTimeout(() => {
      model.stopTraining = true
    }, 2)
    const { stopReason, epochs, history } = await model.fit(x, y, { ...options, resume: true })
    assert.equal(history.loss.length, epochs)
    if (stopReason === 'stopped') await model.fit(x, y, { ...options, resume: true })
    assert.equal(model.position.epoch, 10 * many)
    assert.deepEqual(bits(model), bits(whole))
  })
})

function bits(model: { getWeights(): readonly { readonly data: Float32Array }[] }): Uint32Array[] {
  return model.getWeights().map(({ data }) => new Uint32Array(data.slice().buffer))
}
