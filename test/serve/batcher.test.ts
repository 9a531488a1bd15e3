import assert from 'node:assert/strict'
import { layers, NeurodeError, type Predictor, sequential } from 'neurode'
import { batcher } from 'neurode/serve'
import { perDevice } from '../support/devices.js'
import { Random } from '../support/random.js'

const inputs = 5
const outputs = 3

perDevice('batcher', (device) => {
  let predictor: Predictor
  /** A predictor with slow batches, so that other requests wait for them. */
  let slow: Predictor
  before(() => {
    using model = sequential({
      layers: [
        layers.dense({ units: 7, activation: 'relu', inputShape: [inputs] }),
        layers.dense({ units: outputs, activation: 'softmax' }),
      ],
      seed: 1,
    })
    predictor = model.predictor({ device, maxBatchSize: 8 })
    using wide = sequential([
      layers.dense({ units: device === 'cpu' ? 400_000 : 3, inputShape: [inputs] }),
      layers.dense({ units: outputs }),
    ])
    slow = wide.predictor({ device, maxBatchSize: 8 })
    assert.ok(!slow.isQuick(8))
  })
  after(() => {
    predictor.dispose()
    slow.dispose()
  })

  const rowsOf = (count: number, seed: number) => new Random(seed).normals(count * inputs)
  const answer = (rows: Float32Array) => predictor.predictSync(rows)

  it('gives every request its own rows, whatever batch they came in', async () => {
    using queue = batcher(predictor, { maxQueueSize: 1024 })
    const requests = Array.from({ length: 40 }, (_, i) => rowsOf(1 + (i % 8), i))
    const answers = await Promise.all(requests.map((rows) => queue.predict(rows)))
    for (const [i, got] of answers.entries()) assert.deepEqual(got, answer(requests[i] as Float32Array))
    const { requests: answered, rows, batches, batchSizes, queuedRows, queuedRequests } = queue.stats
    assert.deepEqual(
      { answered, rows, queuedRows, queuedRequests },
      { answered: 40, rows: 180, queuedRows: 0, queuedRequests: 0 },
    )
    assert.ok(batches >= 180 / 8 && batches < 40, `${batches} batches`)
    assert.deepEqual(batchSizes.bounds, [1, 2, 4, 8])
    assert.equal(
      batchSizes.counts.reduce((sum, count) => sum + count),
      batches,
    )
  })

  it('writes rows at once, and only them, into the batch', async () => {
    using queue = batcher(predictor)
    const lengths: number[] = []
    const promises = [1, 3, 2].map((rows) =>
      queue.run(rows, (into) => {
        lengths.push(into.length)
        into.fill(rows)
      }),
    )
    assert.deepEqual(lengths, [inputs, 3 * inputs, 2 * inputs])
    for (const [i, rows] of [1, 3, 2].entries()) {
      assert.deepEqual(await promises[i], answer(new Float32Array(rows * inputs).fill(rows)))
    }
  })

  it('computes nothing of earlier requests where a writer writes too little, nothing or later', async () => {
    using queue = batcher(predictor)
    for (const rows of [2, 20]) {
      const secret = rowsOf(rows, 3)
      const zeros = answer(new Float32Array(rows * inputs))
      for (let round = 0; round < 3; round++) {
        await queue.predict(secret)
        assert.deepEqual(await queue.run(rows, () => {}), zeros)
        await queue.predict(secret)
        const first = Float32Array.from({ length: rows * inputs }, (_, i) => (i === 0 ? 1 : 0))
        const written = queue.run(rows, (into) => {
          into[0] = 1
        })
        assert.deepEqual(await written, answer(first))
        await queue.predict(secret)
        const later = async (into: Float32Array) => {
          await undefined
          into.fill(1)
          throw new Error('nobody hears this')
        }
        await assert.rejects(
          queue.run(rows, (into) => later(into)),
          { code: 'ERR_ARGUMENT', message: /write: .*got a Promise/ },
        )
      }
    }
    await assert.rejects(queue.run(1, 7 as never), {
      code: 'ERR_ARGUMENT',
      message: /write: expected a function, got 7/,
    })
    assert.equal(queue.stats.queuedRows, 0)
  })

  it('refuses wrong indices of an embedding to whom they are from, and to nobody else in the batch', async () => {
    using model = sequential([
      layers.embedding({ inputDim: 5, outputDim: 2, inputShape: [2] }),
      layers.flatten(),
      layers.dense({ units: 2 }),
    ])
    using ofWords = model.predictor({ device, maxBatchSize: 4 })
    using queue = batcher(ofWords)
    const requests = [
      [0, 1],
      [2, 7],
      [4, 3],
      [1, 1, 0, 0, 1, 1, 0, 0, 1, 1, 0, -1],
    ].map((x) => Float32Array.from(x))
    const [first, wrong, third, long] = await Promise.allSettled(requests.map((x) => queue.predict(x)))
    for (const [answer, request] of [[first, 0] as const, [third, 2] as const]) {
      assert.ok(answer?.status === 'fulfilled')
      // A single row is summed in another order than rows in panels.
      const expected = ofWords.predictSync(requests[request] as Float32Array)
      for (const [k, value] of answer.value.entries()) assert.ok(Math.abs(value - (expected[k] as number)) < 1e-6)
    }
    for (const [answer, message] of [
      [wrong, /got 7 in row 0 at position 1/] as const,
      [long, /got -1 in row 5/] as const,
    ]) {
      assert.ok(answer?.status === 'rejected')
      assert.ok(answer.reason instanceof NeurodeError && answer.reason.code === 'ERR_LABEL_RANGE', answer.reason)
      assert.match(answer.reason.message, message)
    }
    assert.equal(queue.stats.queuedRows, 0)
  })

  it('splits what is larger than a batch, and joins the answers', async () => {
    using queue = batcher(predictor)
    const rows = rowsOf(29, 3)
    const [, large] = await Promise.all([queue.predict(rowsOf(3, 4)), queue.predict(rows)])
    assert.deepEqual(large, answer(rows))
  })

  it('refuses what the queue has no room for, and takes more when it has', async () => {
    using queue = batcher(slow, { maxQueueSize: 10 })
    const running = queue.predict(rowsOf(8, 1))
    const first = queue.predict(rowsOf(8, 1))
    const second = queue.predict(rowsOf(2, 2))
    await assert.rejects(queue.predict(rowsOf(1, 3)), { code: 'ERR_QUEUE_FULL' })
    await assert.rejects(queue.predict(rowsOf(11, 3)), {
      code: 'ERR_ARGUMENT',
      message: "rows: expected at most 10 rows (maxQueueSize, the queue's size), got 11",
    })
    await Promise.all([running, first, second])
    assert.deepEqual(await queue.predict(rowsOf(10, 5)), slow.predictSync(rowsOf(10, 5)))
    assert.equal(queue.stats.rejected, 1)
  })

  it('takes back the rows of a request whose write throws', async () => {
    using queue = batcher(predictor)
    const before = queue.predict(rowsOf(2, 1))
    const thrown = new Error('on purpose')
    await assert.rejects(
      queue.run(2, (into) => {
        into.fill(9)
        throw thrown
      }),
      thrown,
    )
    const after = queue.predict(rowsOf(3, 2))
    assert.deepEqual(await before, answer(rowsOf(2, 1)))
    assert.deepEqual(await after, answer(rowsOf(3, 2)))
    assert.equal(queue.stats.rows, 5)
  })

  it('takes a request that comes while another one writes', async () => {
    using queue = batcher(predictor)
    let inner: Promise<Float32Array> | undefined
    const outer = queue.run(2, (into) => {
      inner = queue.predict(rowsOf(3, 2))
      into.set(rowsOf(2, 1))
    })
    assert.deepEqual(await outer, answer(rowsOf(2, 1)))
    assert.deepEqual(await inner, answer(rowsOf(3, 2)))
    for (const rows of [6, 8]) {
      const outer = queue.run(2, (into) => {
        inner = queue.predict(rowsOf(rows, 2))
        into.set(rowsOf(2, 1))
      })
      assert.deepEqual(await outer, answer(rowsOf(2, 1)), `a batch that ${rows} rows fill`)
      assert.deepEqual(await inner, answer(rowsOf(rows, 2)))
    }
  })

  it('starts a full batch at once', async () => {
    using queue = batcher(predictor)
    const waiting = queue.predict(rowsOf(5, 1))
    assert.equal(queue.stats.queuedRequests, 1)
    const filling = queue.predict(rowsOf(3, 2))
    assert.equal(queue.stats.queuedRequests, 0)
    const overflowing = [rowsOf(7, 3), rowsOf(7, 4)].map((rows) => queue.predict(rows))
    assert.deepEqual(await waiting, answer(rowsOf(5, 1)))
    assert.deepEqual(await filling, answer(rowsOf(3, 2)))
    for (const [i, rows] of [rowsOf(7, 3), rowsOf(7, 4)].entries()) assert.deepEqual(await overflowing[i], answer(rows))
    assert.equal(queue.stats.batches, 3)
  })

  it('drains after a write that threw', async () => {
    using queue = batcher(predictor)
    const full = queue.predict(rowsOf(8, 1))
    await assert.rejects(
      queue.run(1, () => assert.fail('on purpose')),
      { message: 'on purpose' },
    )
    await queue.drain()
    assert.deepEqual(await full, answer(rowsOf(8, 1)))
  })

  it('rejects a request that is aborted while it waits, and answers the others', async () => {
    using queue = batcher(predictor)
    const controller = new AbortController()
    const reason = new Error('gone')
    const aborted = queue.predict(rowsOf(1, 1), { signal: controller.signal })
    const other = queue.predict(rowsOf(1, 2))
    controller.abort(reason)
    await assert.rejects(aborted, (error: NeurodeError) => error.code === 'ERR_ABORTED' && error.cause === reason)
    assert.deepEqual(await other, answer(rowsOf(1, 2)))
    await assert.rejects(queue.predict(rowsOf(1, 1), { signal: controller.signal }), { code: 'ERR_ABORTED' })
  })

  it('rejects what is not answered in time', async () => {
    using queue = batcher(predictor, { maxQueueDelayMicros: 200_000, timeoutMs: 1000 })
    const late = queue.predict(rowsOf(1, 1), { timeoutMs: 10 })
    const inTime = queue.predict(rowsOf(1, 2))
    await assert.rejects(late, { code: 'ERR_TIMEOUT' })
    assert.deepEqual(await inTime, answer(rowsOf(1, 2)))
    assert.equal(queue.stats.timedOut, 1)
  })

  it('waits for the delay, or for a full batch', async () => {
    using queue = batcher(predictor, { maxQueueDelayMicros: 20_000 })
    const first = queue.predict(rowsOf(1, 1))
    await new Promise((resolve) => setTimeout(resolve, 2))
    await Promise.all([first, queue.predict(rowsOf(2, 2))])
    assert.equal(queue.stats.batches, 1)
    using patient = batcher(predictor, { maxQueueDelayMicros: 3_600_000_000 })
    await Promise.all([patient.predict(rowsOf(5, 1)), patient.predict(rowsOf(3, 2))])
    assert.equal(patient.stats.batches, 1)
  })

  it('takes turns with other batchers on the device', async () => {
    using one = batcher(slow)
    using two = batcher(slow)
    const order: string[] = []
    const send = (name: string, queue: typeof one) =>
      Array.from({ length: 4 }, () => queue.predict(rowsOf(8, 1)).then(() => order.push(name)))
    await Promise.all([...send('one', one), ...send('two', two)])
    assert.deepEqual(order, ['one', 'two', 'one', 'two', 'one', 'two', 'one', 'two'])
  })

  it('drains', async () => {
    using queue = batcher(predictor)
    let answered = 0
    for (let i = 0; i < 20; i++) queue.predict(rowsOf(3, i)).then(() => answered++)
    await queue.drain()
    await null
    assert.equal(answered, 20)
    await queue.drain()
  })

  it('rejects everything once it is disposed', async () => {
    const queue = batcher(predictor)
    const waiting = queue.predict(rowsOf(1, 1))
    queue.dispose()
    queue.dispose()
    await assert.rejects(waiting, { code: 'ERR_DISPOSED' })
    await assert.rejects(queue.predict(rowsOf(1, 1)), { code: 'ERR_DISPOSED' })
    await queue.drain()
  })

  it('passes on what the predictor fails with', async () => {
    using model = sequential({ layers: [layers.dense({ units: 1, inputShape: [1] })], seed: 1 })
    const gone = model.predictor({ device })
    using queue = batcher(gone)
    gone.dispose()
    await assert.rejects(queue.predict(Float32Array.of(1)), { code: 'ERR_DISPOSED' })
    assert.equal(queue.stats.failed, 1)
  })

  it('refuses options that make no sense', () => {
    const refuses = (options: object, code: string) =>
      assert.throws(
        () => batcher(predictor, options),
        (error) => error instanceof NeurodeError && error.code === code,
      )
    refuses({ maxBatchSize: 0 }, 'ERR_ARGUMENT')
    refuses({ maxQueueSize: 1.5 }, 'ERR_ARGUMENT')
    refuses({ maxQueueDelayMicros: -1 }, 'ERR_ARGUMENT')
    refuses({ timeoutMs: Number.NaN }, 'ERR_ARGUMENT')
    refuses({ maxDelay: 1 }, 'ERR_UNKNOWN_NAME')
    assert.throws(() => batcher({} as Predictor), { code: 'ERR_ARGUMENT' })
  })
})
