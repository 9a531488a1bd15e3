/** The training loop: callbacks, stopping, aborting, validation and epochs. */

import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { array, type Callback, NeurodeError } from 'neurode'
import { perDevice } from './support/devices.js'
import { classifier, clouds, slowClassifier } from './support/problems.js'
import { assertNear, assertSameBits, mean } from './support/tolerances.js'

const quiet = { verbose: 0 } as const
const hasCode = (code: string) => (error: unknown) => error instanceof NeurodeError && error.code === code

/** The bits of arrays as a text, to compare them in sets. */
const textOf = (arrays: readonly Float32Array[]) =>
  arrays
    .map(({ buffer, byteOffset, byteLength }) => Buffer.from(buffer, byteOffset, byteLength).toString('base64'))
    .join()

perDevice('fit', (device) => {
  it('calls callbacks in order, with epochs, batches and logs', async () => {
    const { x, y } = clouds(50)
    using model = classifier({ device })
    const calls: string[] = []
    const keys = new Map<string, string[]>()
    const note = (name: string) => (index: unknown, logs?: object) => {
      calls.push(typeof index === 'number' ? `${name} ${index}` : name)
      keys.set(name, Object.keys((typeof index === 'number' ? logs : index) ?? {}))
    }
    const callback: Callback = {
      onTrainBegin: note('trainBegin'),
      onEpochBegin: note('epochBegin'),
      onBatchBegin: note('batchBegin'),
      onBatchEnd: note('batchEnd'),
      onEpochEnd: note('epochEnd'),
      onTrainEnd: note('trainEnd'),
    }
    await model.fit(x, y, { ...quiet, batchSize: 32, epochs: 2, validationSplit: 0.2, callbacks: callback })
    const epoch = (index: number) => [
      `epochBegin ${index}`,
      'batchBegin 0',
      'batchEnd 0',
      'batchBegin 1',
      'batchEnd 1',
      `epochEnd ${index}`,
    ]
    assert.deepEqual(calls, ['trainBegin', ...epoch(0), ...epoch(1), 'trainEnd'])
    const results = ['loss', 'accuracy']
    const validated = [...results, 'val_loss', 'val_accuracy']
    assert.deepEqual(keys.get('batchEnd'), results)
    assert.deepEqual(keys.get('epochEnd'), validated)
    assert.deepEqual(keys.get('trainEnd'), validated)
    assert.deepEqual(keys.get('epochBegin'), [])
  })

  it('calls several callbacks in the order given, and knows Keras names of batch callbacks', async () => {
    const { x, y } = clouds(10)
    using model = classifier({ device })
    const calls: string[] = []
    const callbacks: Callback[] = [
      { onEpochEnd: () => calls.push('first') },
      { onEpochEnd: () => calls.push('second'), onTrainBatchEnd: () => calls.push('batch') },
    ]
    await model.fit(x, y, { ...quiet, batchSize: 10, callbacks })
    assert.deepEqual(calls, ['batch', 'first', 'second'])
  })

  it('gives the last epoch to the history, the logs of its callback and the result alike', async () => {
    const { x, y } = clouds(70)
    using model = classifier({ device })
    const seen: number[] = []
    const onEpochEnd = (_: number, logs: Readonly<Record<string, number>>) => seen.push(logs.loss as number)
    const result = await model.fit(x, y, { ...quiet, epochs: 4, callbacks: [{ onEpochEnd }] })
    assert.ok(result.history.loss instanceof Float64Array)
    assert.deepEqual([...result.history.loss], seen)
    assert.equal(result.history.accuracy.length, 4)
    assert.equal(result.epochs, 4)
    assert.equal(result.stopReason, 'completed')
    assert.ok((result.history.loss[3] as number) < (result.history.loss[0] as number), 'the loss falls')
  })

  it('gives the same loss and weights whether or not callbacks cut the epoch into batches', async () => {
    const { x, y } = clouds(130)
    const run = async (callbacks: Callback[]) => {
      using model = classifier({ device })
      const { history } = await model.fit(x, y, { ...quiet, batchSize: 16, epochs: 3, callbacks })
      return { weights: model.getWeights(), loss: history.loss }
    }
    const [whole, cut] = [await run([]), await run([{ onBatchEnd: () => undefined }])]
    assert.deepEqual(cut.loss, whole.loss)
    cut.weights.forEach(({ data, name }, i) => {
      assertSameBits(data, whole.weights[i]?.data ?? new Float32Array(), name)
    })
  })

  it('waits for callbacks that return promises', async () => {
    const { x, y } = clouds(40)
    using model = classifier({ device })
    const calls: string[] = []
    const onEpochEnd = async (epoch: number) => {
      await sleep(5)
      calls.push(`end ${epoch}`)
    }
    const onEpochBegin = (epoch: number) => calls.push(`begin ${epoch}`)
    await model.fit(x, y, { ...quiet, epochs: 3, callbacks: [{ onEpochBegin, onEpochEnd }] })
    assert.deepEqual(calls, ['begin 0', 'end 0', 'begin 1', 'end 1', 'begin 2', 'end 2'])
  })

  for (const hook of [
    'onTrainBegin',
    'onEpochBegin',
    'onBatchBegin',
    'onBatchEnd',
    'onEpochEnd',
    'onTrainEnd',
  ] as const) {
    it(`rejects with what ${hook} throws, and the model goes on`, async () => {
      const { x, y } = clouds(40)
      using model = classifier({ device })
      const failure = new RangeError('from the callback')
      const callbacks: Callback[] = [{ [hook]: () => Promise.reject(failure) }]
      await assert.rejects(model.fit(x, y, { ...quiet, callbacks }), (error) => error === failure)
      const { history } = await model.fit(x, y, quiet)
      assert.ok(Number.isFinite(history.loss[0]))
    })
  }

  it('lets callbacks read and write weights between batches', async () => {
    const { x, y } = clouds(40)
    using model = classifier({ device })
    const onBatchEnd = () =>
      model.setWeights(model.getWeights().map(({ data, shape }) => array(new Float32Array(data.length), shape)))
    await model.fit(x, y, { ...quiet, batchSize: 40, callbacks: [{ onBatchEnd }] })
    for (const { data } of model.getWeights()) assert.ok(data.every((v) => v === 0))
  })

  it('stops after the batch when stopTraining is set', async () => {
    const { x, y } = clouds(100)
    using model = classifier({ device })
    const batches: number[] = []
    const onBatchEnd = (batch: number) => {
      batches.push(batch)
      if (batch === 2) model.stopTraining = true
    }
    const result = await model.fit(x, y, { ...quiet, batchSize: 10, epochs: 5, callbacks: [{ onBatchEnd }] })
    assert.deepEqual(batches, [0, 1, 2])
    assert.equal(result.stopReason, 'stopped')
    assert.equal(result.epochs, 1)
    const again = await model.fit(x, y, { ...quiet, batchSize: 10 })
    assert.equal(again.stopReason, 'completed')
  })

  it('stops after the epoch when stopTraining is set in onEpochEnd', async () => {
    const { x, y } = clouds(20)
    using model = classifier({ device })
    const onEpochEnd = (epoch: number) => {
      model.stopTraining = epoch === 1
    }
    const { history, epochs, stopReason } = await model.fit(x, y, { ...quiet, epochs: 9, callbacks: [{ onEpochEnd }] })
    assert.deepEqual([history.loss.length, epochs, stopReason], [2, 2, 'stopped'])
  })

  it('rejects with ERR_ABORTED when the signal aborts, and the model goes on', async () => {
    const { model, x, y } = slowClassifier(device)
    using _ = model
    const abort = new AbortController()
    const reason = new Error('enough')
    const fit = model.fit(x, y, { ...quiet, epochs: 1000, signal: abort.signal })
    setTimeout(() => abort.abort(reason), 30)
    await assert.rejects(fit, (error: NeurodeError) => hasCode('ERR_ABORTED')(error) && error.cause === reason)
    const few = { data: x.data.subarray(0, 256 * 64), shape: [64, 256] }
    const { history } = await model.fit(few, y.subarray(0, 64), quiet)
    assert.ok(Number.isFinite(history.loss[0]))
    assert.ok(model.getWeights().every(({ data }) => data.every(Number.isFinite)))
  })

  it('rejects at once when the signal was aborted before, and changes nothing', async () => {
    const { x, y } = clouds(20)
    using model = classifier({ device })
    const before = model.getWeights()
    await assert.rejects(model.fit(x, y, { ...quiet, signal: AbortSignal.abort() }), hasCode('ERR_ABORTED'))
    model.getWeights().forEach(({ data, name }, i) => {
      assertSameBits(data, before[i]?.data ?? new Float32Array(), name)
    })
  })

  it('aborts while an asynchronous callback is waiting', async () => {
    const { x, y } = clouds(20)
    using model = classifier({ device })
    const abort = new AbortController()
    const never = { onEpochEnd: () => new Promise(() => setTimeout(() => abort.abort(), 5)) }
    await assert.rejects(
      model.fit(x, y, { ...quiet, callbacks: [never], signal: abort.signal }),
      hasCode('ERR_ABORTED'),
    )
    await model.fit(x, y, quiet)
  })

  it('validates on data given, and reports what evaluate does', async () => {
    const { x, y } = clouds(60)
    const other = clouds(45, 6, 3, 2)
    using model = classifier({ device })
    const { history } = await model.fit(x, y, { ...quiet, epochs: 2, validationData: [other.x, other.y] })
    const { loss, accuracy } = await model.evaluate(other.x, other.y)
    assertNear(history.val_loss[1] as number, loss, mean, 'val_loss')
    assertNear(history.val_accuracy[1] as number, accuracy, mean, 'val_accuracy')
  })

  it('splits the last rows off for validation, before any shuffling', async () => {
    const { x, y } = clouds(100)
    const part = (from: number, to: number) => ({ data: x.data.subarray(from * 6, to * 6), shape: [to - from, 6] })
    const run = async (split: boolean) => {
      using model = classifier({ device })
      const options = { ...quiet, epochs: 2, batchSize: 16, seed: 3 }
      const { history } = split
        ? await model.fit(x, y, { ...options, validationSplit: 0.25 })
        : await model.fit(part(0, 75), y.subarray(0, 75), {
            ...options,
            validationData: [part(75, 100), y.subarray(75)],
          })
      return [...history.loss, ...history.val_loss]
    }
    assert.deepEqual(await run(true), await run(false))
  })

  it('validates every so many epochs', async () => {
    const { x, y } = clouds(40)
    using model = classifier({ device })
    const { history } = await model.fit(x, y, { ...quiet, epochs: 5, validationSplit: 0.5, validationFreq: 2 })
    assert.deepEqual([history.loss.length, history.val_loss.length], [5, 2])
  })

  it('counts epochs from initialEpoch to epochs', async () => {
    const { x, y } = clouds(20)
    using model = classifier({ device })
    const epochs: number[] = []
    const onEpochBegin = (epoch: number) => epochs.push(epoch)
    await model.fit(x, y, { ...quiet, initialEpoch: 2, epochs: 4, callbacks: [{ onEpochBegin }] })
    assert.deepEqual(epochs, [2, 3])
  })

  it('weights the batches of an epoch by their rows', async () => {
    const { x, y } = clouds(37)
    using model = classifier({ device, optimizer: { learningRate: 0 } })
    const { history } = await model.fit(x, y, { ...quiet, batchSize: 16 })
    const { loss, accuracy } = await model.evaluate(x, y)
    assertNear(history.loss[0] as number, loss, mean, 'loss')
    assertNear(history.accuracy[0] as number, accuracy, mean, 'accuracy')
  })

  it('takes the learning rate from a function of the step, and from the optimizer as it is now', async () => {
    const { x, y } = clouds(40)
    const steps: number[] = []
    const learningRate = (step: number) => {
      steps.push(step)
      return 0
    }
    using model = classifier({ device, optimizer: { learningRate } })
    const before = model.getWeights()
    await model.fit(x, y, { ...quiet, batchSize: 10, epochs: 2 })
    assert.deepEqual([...new Set(steps)], [0, 1, 2, 3, 4, 5, 6, 7])
    model.getWeights().forEach(({ data, name }, i) => {
      assertSameBits(data, before[i]?.data ?? new Float32Array(), name)
    })
  })

  it('refuses a second fit while one runs, and the first ends well', async () => {
    const { x, y } = clouds(500)
    using model = classifier({ device })
    const first = model.fit(x, y, { ...quiet, epochs: 20 })
    await assert.rejects(model.fit(x, y, quiet), hasCode('ERR_MODEL_BUSY'))
    await assert.rejects(model.trainOnBatch(x, y), hasCode('ERR_MODEL_BUSY'))
    const { epochs } = await first
    assert.equal(epochs, 20)
    await model.fit(x, y, quiet)
  })

  it('answers who asks for predictions and weights meanwhile, with the weights after a range', async () => {
    const { model, x, y } = slowClassifier(device)
    const rows = { data: x.data.subarray(0, 4 * 256), shape: [4, 256] }
    const snapshots: string[] = []
    const predictions = new Set<string>()
    const weightsOf = () => model.getWeights().map(({ data }) => data)
    const remember = async () => {
      snapshots.push(textOf(weightsOf()))
      predictions.add(textOf([(await model.predict(rows)).data]))
    }
    let isOver = false
    const fit = model
      .fit(x, y, { ...quiet, batchSize: 64, epochs: 2, callbacks: { onTrainBegin: remember, onRangeEnd: remember } })
      .finally(() => {
        isOver = true
      })
    const asked: { weights: string; frozen: string; prediction: string }[] = []
    while (!isOver) {
      const weights = textOf(weightsOf())
      using predictor = model.predictor()
      const frozen = textOf([await predictor.predict(rows.data)])
      asked.push({ weights, frozen, prediction: textOf([(await model.predict(rows)).data]) })
      if (asked.length === 6) model.stopTraining = true
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    await fit
    assert.ok(asked.length >= 2, `asked ${asked.length} times`)
    for (const { weights, prediction } of asked) {
      assert.ok(snapshots.includes(weights), 'weights of the middle of a range')
      assert.ok(predictions.has(prediction), 'a prediction of the middle of a range')
    }
    assert.equal(new Set(asked.map(({ frozen }) => frozen)).size > 1, true)
    model.dispose()
  })

  it('lets the source of batches ask the model that it trains', async () => {
    const { x, y } = clouds(64)
    using model = classifier({ device })
    async function* batches() {
      for (let i = 0; i < 6; i++) {
        const { data } = await model.predict(x)
        assert.equal(data.length, 64 * 3)
        assert.equal(model.getWeights().length, 4)
        yield { x, y }
      }
    }
    const { epochs } = await model.fit(batches, { verbose: 0, epochs: 2 })
    assert.equal(epochs, 2)
  })

  it('says what to do instead of predictSync', async () => {
    const { model, x, y } = slowClassifier(device)
    const fit = model.fit(x, y, { ...quiet, epochs: 2 })
    let message = ''
    for (let i = 0; i < 200 && message === ''; i++) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      try {
        model.predictSync(new Float32Array(256))
      } catch (error) {
        message = (error as Error).message
      }
    }
    model.stopTraining = true
    assert.match(message, /is training: predictSync cannot be called.*predict\(\) waits.*predictor\(\)/)
    await fit
    model.dispose()
  })

  it('keeps the event loop alive', async () => {
    const { model, x, y } = slowClassifier(device)
    using _ = model
    let ticks = 0
    let fitting = true
    const timer = setInterval(() => {
      if (fitting) ticks++
    }, 1)
    await model.fit(x, y, { ...quiet, batchSize: 128 })
    fitting = false
    clearInterval(timer)
    assert.ok(ticks > 1, `${ticks} ticks while training`)
  })

  it('trains two models at once', async () => {
    const { x, y } = clouds(300)
    using one = classifier({ device, threads: 2 })
    using two = classifier({ device, threads: 2 })
    const options = { ...quiet, epochs: 10 }
    const [a, b] = await Promise.all([one.fit(x, y, options), two.fit(x, y, options)])
    assert.deepEqual(a.history.loss, b.history.loss)
  })
})
