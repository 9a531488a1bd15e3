/** The lifetime of models: disposal, garbage collection, worker threads, and the end of the process. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { Worker } from 'node:worker_threads'
import { layers, NeurodeError, sequential } from 'neurode'
import { programPath, runChild } from './support/children.js'
import { perDevice } from './support/devices.js'
import { classifier, clouds, slowClassifier } from './support/problems.js'

const quiet = { verbose: 0 } as const
const gc = (globalThis as { gc?: () => void }).gc

/** Collects garbage and lets finalizers run, which happens in later turns of the event loop. */
async function collect(): Promise<void> {
  for (let i = 0; i < 5; i++) {
    gc?.()
    await sleep(1)
  }
}

perDevice('a model', (device) => {
  it('can be disposed of twice, trained or not, compiled or not', async () => {
    const { x, y } = clouds(20)
    const trained = classifier({ device })
    await trained.fit(x, y, quiet)
    const bare = sequential([layers.dense({ units: 2, inputShape: [3] })])
    for (const model of [trained, bare, sequential()]) {
      model.dispose()
      model.dispose()
      model[Symbol.dispose]()
    }
  })

  it('is disposed of at the end of the block with using, also when the block throws', async () => {
    let kept: ReturnType<typeof classifier> | undefined
    await assert.rejects(async () => {
      using model = classifier({ device })
      kept = model
      throw new Error('from the block')
    }, /from the block/)
    assert.throws(() => kept?.getWeights(), { code: 'ERR_DISPOSED' })
  })

  it('rejects the running fit with ERR_DISPOSED when it is disposed of', async () => {
    const { model, x, y } = slowClassifier(device)
    const fit = model.fit(x, y, { ...quiet, epochs: 1000 })
    const failed = assert.rejects(fit, (error) => error instanceof NeurodeError && error.code === 'ERR_DISPOSED')
    await sleep(20)
    model.dispose()
    await failed
  })

  it('settles running predictions when it is disposed of', async () => {
    const { model, x, y } = slowClassifier(device)
    const work = [model.predict(x), model.evaluate(x, y), model.predict(x)]
    model.dispose()
    const settled = await Promise.allSettled(work)
    const reasons = settled.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []))
    // The first call may be finished by then; the last one has not begun.
    assert.ok(settled.at(-1)?.status === 'rejected')
    for (const reason of reasons) {
      assert.ok(reason instanceof NeurodeError && ['ERR_DISPOSED', 'ERR_ABORTED'].includes(reason.code), String(reason))
    }
  })

  it('can be disposed of in a callback of its own fit', async () => {
    const { x, y } = clouds(40)
    const model = classifier({ device })
    const onBatchEnd = () => model.dispose()
    await assert.rejects(model.fit(x, y, { ...quiet, callbacks: [{ onBatchEnd }] }), { code: 'ERR_DISPOSED' })
  })

  it('keeps the arrays of a running fit alive', async () => {
    const start = (model: ReturnType<typeof classifier>) => {
      const { x, y } = clouds(5_000, 64)
      return model.fit(x, y, { ...quiet, epochs: 3 })
    }
    using undisturbed = classifier({ device, features: 64, hidden: 64 })
    const expected = await start(undisturbed)
    using model = classifier({ device, features: 64, hidden: 64 })
    const fit = start(model)
    // If the memory of the arrays were freed, these arrays would reuse it.
    const rubbish: Float32Array[] = []
    for (let i = 0; i < 30; i++) {
      gc?.()
      rubbish.push(new Float32Array(100_000).fill(Number.NaN))
      await sleep(1)
    }
    const { history } = await fit
    assert.deepEqual(history, expected.history)
  })

  it('goes on after its JavaScript object could be collected', async () => {
    const run = () => {
      const { x, y } = clouds(2_000)
      return classifier({ device }).fit(x, y, { ...quiet, epochs: 5 })
    }
    const fit = run()
    await collect()
    const { epochs } = await fit
    assert.equal(epochs, 5)
  })
})

/** How tests of memory run: an array of a megabyte or more goes back to the system when it is freed, and does not wait in a heap for others. */
const givesBack = { MALLOC_MMAP_THRESHOLD_: String(2 ** 20) }

perDevice('many models', (device) => {
  const works = {
    disposed: 'give their memory back when they are disposed of',
    collected: 'give their memory back when they are collected',
    shared: 'give their memory back when they are collected, where a layer that they shared lives on',
    fits: 'do not keep the data of a fit that is over',
  }
  for (const [work, title] of Object.entries(works)) {
    it(title, async () => {
      const { code, stdout, stderr } = await runChild('many-models', [device, work], givesBack)
      assert.equal(code, 0, stderr)
      const { grown, most, count } = JSON.parse(stdout)
      assert.ok(grown < most, `${grown.toFixed(0)} MB more after ${3 * count} models or fits of 4 MB`)
    })
  }
})

describe('worker threads', () => {
  const start = (mode: string) => new Worker(programPath('worker'), { workerData: mode })

  it('train at once, with the same results as the main thread', async () => {
    const workers = ['train', 'train', 'train'].map(start)
    // Both are awaited together: the last message and the exit can come in the same turn.
    const ended = workers.map(async (worker) => {
      const [[message]] = await Promise.all([once(worker, 'message'), once(worker, 'exit')])
      return message as number[]
    })
    const { x, y } = clouds(300)
    using model = classifier()
    const { history } = await model.fit(x, y, { ...quiet, epochs: 5 })
    for (const losses of await Promise.all(ended)) assert.deepEqual(losses, [...history.loss])
  })

  it('can be terminated in the middle of a fit, again and again', async () => {
    for (let i = 0; i < 5; i++) {
      const worker = start('forever')
      await once(worker, 'message')
      await sleep(i * 7)
      await worker.terminate()
    }
    const { x, y } = clouds(20)
    using model = classifier()
    assert.equal((await model.fit(x, y, quiet)).epochs, 1)
  })

  it('can exit by themselves in the middle of a fit', async () => {
    const worker = start('exit')
    const [code] = await once(worker, 'exit')
    assert.equal(code, 7)
  })

  it('can throw in the middle of a fit', async () => {
    const worker = start('throw')
    const [error] = await once(worker, 'error')
    assert.match(String(error), /on purpose/)
  })
})

describe('a process', () => {
  const modes = [
    ['ends by itself when training is over', 'done', 0],
    ['ends by itself with models that were never disposed of', 'undisposed', 0],
    ['can exit in the middle of a fit', 'exit', 3],
    ['can exit in the middle of a prediction', 'exit-predict', 4],
    ['can exit in a callback', 'exit-callback', 5],
    ['dies of an uncaught error in the middle of a fit as any other does', 'throw', 1],
  ] as const
  for (const [title, mode, expected] of modes) {
    it(title, async () => {
      const { code, signal, stdout, stderr } = await runChild('process', [mode])
      assert.deepEqual({ code, signal }, { code: expected, signal: null }, stderr)
      assert.match(stdout, /^started/)
    })
  }
})
