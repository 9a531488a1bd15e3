/** Arrays in shared memory with `copy: false` are read in place, whatever other threads write there. */

import assert from 'node:assert/strict'
import { once } from 'node:events'
import { join } from 'node:path'
import { Worker } from 'node:worker_threads'
import { array, layers, openNpy, sequential, writeNpy } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import {
  bytes,
  classes,
  dense,
  doubles,
  embedding,
  features,
  floats,
  indices,
  labels,
  type Model,
  oneHot,
  quiet,
  rows,
  targets,
  trained,
} from './support/lentCalls.js'
import { assertRefused } from './support/refusals.js'

/** Copies values into a SharedArrayBuffer. */
function shared<T extends Float32Array | Uint8Array | Float64Array>(values: T): T {
  const Type = values.constructor as new (buffer: SharedArrayBuffer) => T
  const copy = new Type(new SharedArrayBuffer(values.byteLength))
  copy.set(values)
  return copy
}

perDevice('copy: false', (device) => {
  it('gives what copies give, for all that lies in shared memory', async () => {
    const cases: [object, object, (device: string) => Model][] = [
      [shared(floats), labels, dense],
      [shared(bytes), targets(shared(oneHot)), dense],
      [shared(floats), targets(shared(Uint8Array.from(oneHot))), dense],
      [shared(floats), targets(shared(Float64Array.from(oneHot))), dense],
      [
        array(shared(bytes), [rows, features], { scale: 1 / 255 }),
        array(shared(oneHot), [rows, classes], { scale: 0.5 }),
        dense,
      ],
      [shared(indices), labels, embedding],
    ]
    for (const [i, [x, y, make]] of cases.entries()) {
      const run = async (copy: boolean) => {
        using model = make(device)
        const options = { ...quiet, epochs: 2, batchSize: 10, copy, validationSplit: 0.25 }
        const split = await trained(model, model.fit(x as never, y as never, options))
        const { loss } = await model.evaluate(x as never, y as never, { copy })
        const whole = model.fit(x as never, y as never, { ...quiet, copy, validationData: [x, y] as never })
        return [...split, loss, ...(await trained(model, whole))]
      }
      assert.deepEqual(await run(false), await run(true), String(i))
    }
  })

  it('refuses rows that are not read where they are, with the reason', async () => {
    using model = dense(device)
    const stream = () => [{ x: [[1, 2, 3, 4]], y: [1] }]
    const given: [unknown, unknown, RegExp][] = [
      [
        floats,
        labels,
        /^copy: expected true unless x lies in a SharedArrayBuffer: other memory can be taken away.*got false/,
      ],
      [[[1, 2, 3, 4]], [1], /x lies in a SharedArrayBuffer/],
      [
        shared(doubles),
        labels,
        /^copy: expected true unless x is bytes or float32: other elements are converted, got false/,
      ],
      [stream, undefined, /^copy: expected true with batches, got false/],
    ]
    for (const [x, y, message] of given) {
      await assertRefused(() => model.fit(x as never, y as never, { ...quiet, copy: false }), 'ERR_ARGUMENT', message)
      await assertRefused(() => model.evaluate(x as never, y as never, { copy: false }), 'ERR_ARGUMENT', message)
    }
    const act = () => model.evaluate(shared(floats), labels, { copy: false, perClass: true })
    await assertRefused(act, 'ERR_ARGUMENT', /^copy: expected true with perClass/)
    await inFolder(async (folder) => {
      const path = join(folder, 'rows.npy')
      await writeNpy(path, array(floats, [rows, features]))
      const fit = async () => model.fit(await openNpy(path), labels, { ...quiet, copy: false })
      await assertRefused(fit, 'ERR_ARGUMENT', /^copy: expected true with files/)
    })
  })

  it('bears whatever another thread writes where indices and targets are', async () => {
    const [x, y] = [shared(indices), shared(oneHot)]
    const wild = [Number.NaN, -1, 1e9, -1e30, Infinity, 4.5, 2 ** 31]
    const writer = new Worker(
      `const { workerData: { arrays, wild } } = require('node:worker_threads')
       require('node:worker_threads').parentPort.postMessage('writing')
       for (let i = 0; ; i++) for (const array of arrays) array[i % array.length] = wild[i % wild.length]`,
      { eval: true, workerData: { arrays: [x, y], wild } },
    )
    const encoder = (device: string) =>
      sequential({
        layers: [
          layers.categoryEncoding({ numTokens: 5, outputMode: 'count', inputShape: [features] }),
          layers.dense({ units: classes, activation: 'softmax' }),
        ],
        seed: 1,
      }).compile({ loss: 'categoricalCrossentropy', metrics: ['accuracy'], device, threads: 2 })
    try {
      await once(writer, 'message')
      for (const make of [embedding, encoder]) {
        using model = make(device)
        let fits = 0
        for (let i = 0; i < 20; i++) {
          // The check at the call may already see a value that is not an index, and report it.
          x.fill(1)
          const options = { ...quiet, epochs: 3, copy: false, callbacks: { onEpochBegin: () => void x.fill(3e9) } }
          const ended = await model.fit(x, targets(y), options).then(
            () => fits++,
            (error) => error.code,
          )
          if (typeof ended === 'string') assert.equal(ended, 'ERR_LABEL_RANGE')
        }
      }
    } finally {
      await writer.terminate()
    }
    using model = embedding(device)
    x.fill(1)
    const onEpochBegin = () => void x.fill(3e9)
    await model.fit(x, labels, { ...quiet, epochs: 3, copy: false, callbacks: { onEpochBegin } })
  })
})

describe('copy: false on the CPU', () => {
  it('reads x and y where they are', async () => {
    const run = async (copy: boolean, change: boolean) => {
      using model = dense('cpu')
      const [x, y] = [shared(floats), shared(oneHot)]
      const onEpochBegin = () => {
        if (change) for (const given of [x, y]) given.fill(0.25)
      }
      return await trained(model, model.fit(x, targets(y), { ...quiet, epochs: 2, copy, callbacks: { onEpochBegin } }))
    }
    assert.notDeepEqual(await run(false, true), await run(false, false))
    assert.deepEqual(await run(true, true), await run(true, false))
  })
})
