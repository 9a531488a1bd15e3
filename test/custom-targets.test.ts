/** Targets of a custom loss that are wider or narrower than the outputs reach it as they were given, with the indices of their rows. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { array, debug, type Loss, layers, losses, metrics, openNpy, optimizers, sequential, writeNpy } from 'neurode'
import { inFolder } from './data/files.js'
import { isEmulated, perDevice } from './support/devices.js'
import { bits, quiet, rows } from './support/graphs.js'
import { assertRefused } from './support/refusals.js'
import { assertNear, rounded } from './support/tolerances.js'
import {
  assertNamed,
  chain,
  first,
  fork,
  numbered,
  plain,
  sampleWeight,
  squaresOf,
  wide,
  x,
  y,
} from './support/wideTargets.js'

// biome-ignore lint/suspicious/noExplicitAny: data and losses of models of any shape.
type Anything = any

/** What is done with a model and targets, in all ways that data have. */
const ways: Readonly<
  Record<
    string,
    (net: Anything, y: Anything, cut: (y: Anything, from: number, to: number) => Anything) => Promise<unknown>
  >
> = {
  'shuffled arrays, several epochs, and a validation split': (net, y) =>
    net.fit(x, y, { ...quiet, epochs: 3, batchSize: 5, seed: 6, sampleWeight, validationSplit: 0.25 }),
  'validation data': (net, y) =>
    net.fit(x, y, { ...quiet, epochs: 2, batchSize: 7, seed: 1, validationData: [x, y, sampleWeight] }),
  'a stream of batches': (net, y, cut) => {
    const batches = [0, 5, 10].map((from) => {
      const to = from === 10 ? rows : from + 5
      return {
        x: array(x.data.slice(4 * from, 4 * to), [to - from, 4]),
        y: cut(y, from, to),
        sampleWeight: sampleWeight.slice(from, to),
      }
    })
    return net.fit(batches, { ...quiet, epochs: 2 })
  },
  'single batches': async (net, y, cut) => {
    const steps: unknown[] = []
    for (let step = 0; step < 2; step++) steps.push(await net.trainOnBatch(x, y, { sampleWeight }))
    const { loss, gradients } = await net.valueAndGradients(x, y, { sampleWeight })
    await net.applyGradients(gradients)
    const part = array(x.data.slice(0, 20), [5, 4])
    return [steps, loss, await net.testOnBatch(part, cut(y, 0, 5))]
  },
  evaluation: async (net, y) => [await net.evaluate(x, y, { batchSize: 7, sampleWeight }), await net.evaluate(x, y)],
}

perDevice('targets of a custom loss', (device) => {
  const cutOne = (own: Anything, from: number, to: number) => {
    const width = own.shape[1]
    return array(own.data.slice(width * from, width * to), [to - from, width])
  }
  const sold = array(
    sampleWeight.map((weight) => Number(weight > 0.7)),
    [rows, 1],
  )
  const forms: Readonly<Record<string, [make: Anything, of: (own: Anything) => Anything, cut: Anything]>> = {
    'a Sequential': [chain, (own) => own, cutOne],
    'a graph of several outputs': [
      fork,
      (price) => ({ price, sold }),
      (own: Anything, from: number, to: number) => ({
        price: cutOne(own.price, from, to),
        sold: cutOne(own.sold, from, to),
      }),
    ],
  }
  for (const [form, [make, of, cut]] of Object.entries(forms)) {
    it(`train ${form} as those of its own width do, bit for bit, in all forms of data`, async () => {
      for (const [name, way] of Object.entries(ways)) {
        using expected = make(plain, device)
        using own = make(wide(), device)
        const results = [await way(expected, of(y), cut), await way(own, of(numbered(y.data)), cut)]
        // A stream's rows have numbers in its targets and no indices.
        assert.deepEqual(
          (results[1] as Anything).history ?? results[1],
          (results[0] as Anything).history ?? results[0],
          name,
        )
        assert.deepEqual(bits(own), bits(expected), name)
      }
      using own = make(wide(), device)
      const { agrees, parameters } = await debug.checkGradients(own, x, of(numbered(y.data)), { samples: 3 })
      assert.ok(agrees, JSON.stringify(parameters))
    })
  }

  it('come from files as well, each row by its index', async () => {
    const wideRows = isEmulated(device) ? 4 : 2 ** 15 // several pieces of a file
    const data = new Float32Array(rows * wideRows)
    x.data.forEach((value, i) => {
      data[Math.floor(i / 4) * wideRows + (i % 4)] = value / 10
    })
    await inFolder(async (folder) => {
      const [xPath, yPath] = [join(folder, 'x.npy'), join(folder, 'y.npy')]
      await writeNpy(xPath, array(data, [rows, wideRows]))
      await writeNpy(yPath, numbered(y.data), { dtype: 'float64' })
      await using files = await openNpy(xPath)
      await using targets = await openNpy(yPath)
      let named = 0
      const loss = losses.custom({
        name: 'named',
        targets: 3,
        compute: (batch) => {
          assertNamed(batch)
          named += batch.indices?.length ?? 0
          return squaresOf(batch)
        },
      })
      using net = sequential([layers.dense({ units: 2, inputShape: [wideRows] })]).compile({
        loss,
        metrics: [first],
        device,
      })
      for (const own of [targets, numbered(y.data)]) {
        named = 0
        await net.fit(files, own, { ...quiet, epochs: 2, batchSize: 5, seed: 3 })
        assert.equal(named, 2 * rows)
        await net.evaluate(files, own)
      }
    })
  })

  it('are rows of each position where outputs have several', async () => {
    const positions = 3
    const make = (loss: Loss) =>
      sequential([layers.dense({ units: 2, inputShape: [positions, 4] })], { seed: 1 }).compile({
        loss,
        device,
        threads: 1,
      })
    const [count, seed] = [rows / positions, 4]
    const own = numbered(y.data)
    const input = array(x.data, [count, positions, 4])
    using expected = make(plain)
    using net = make(wide(positions))
    const options = { ...quiet, epochs: 2, batchSize: 3, seed, sampleWeight: array(sampleWeight, [count, positions]) }
    const { history } = await expected.fit(input, array(y.data, [count, positions, 2]), options)
    const { history: ofOwn } = await net.fit(input, array(own.data, [count, positions, 3]), options)
    assert.deepEqual([ofOwn, bits(net)], [history, bits(expected)])
  })

  it('have rows with indices, also for metrics beside a built-in loss, which leaves some out', async () => {
    const seen: (readonly number[] | undefined)[] = []
    const seeing = metrics.custom({
      name: 'seeing',
      rows: ({ indices, shape: [count] }) => {
        seen.push(indices && [...indices])
        return new Float32Array(count)
      },
    })
    const taken = async (work: Promise<unknown>) => {
      await work
      return seen.splice(0)
    }
    const labels = Int32Array.from({ length: rows }, (_, i) => i % 3)
    const counted = [...labels.keys()].filter((i) => i % 3 !== 1)
    using net = sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })], { seed: 1 })
    net.compile({ loss: losses.sparseCategoricalCrossentropy({ ignoreClass: 1 }), metrics: [seeing], device })
    const options = { ...quiet, epochs: 3, batchSize: 5, seed: 9, validationSplit: 0.25 }
    const all = (await taken(net.fit(x, labels, options))).flat() as number[]
    assert.equal(all.length, 3 * counted.length)
    const epochs = [0, 1, 2].map((epoch) => all.slice(epoch * counted.length, (epoch + 1) * counted.length))
    for (const epoch of epochs) {
      assert.deepEqual(
        epoch.toSorted((a, b) => a - b),
        counted,
      )
      assert.ok(epoch.slice(-4).every((index) => index >= 18)) // those that are set apart
    }
    assert.notDeepEqual(epochs[0], epochs[1])
    assert.deepEqual((await taken(net.evaluate(x, labels, { batchSize: 7 }))).flat(), counted)
    assert.deepEqual((await taken(net.trainOnBatch(x, labels))).flat(), counted)
    const batch = { x, y: labels }
    assert.deepEqual(await taken(net.fit([batch, batch], quiet)), [undefined, undefined])
    assert.deepEqual(await taken(net.evaluate([batch], {})), [undefined])
  })

  it('are class indices as they were given, which metrics of classes read as well', async () => {
    const labels = Int32Array.from({ length: rows }, (_, i) => (i * 7) % 3)
    const entropy = losses.custom({
      name: 'entropy',
      targets: 1,
      compute: ({ outputs, targets, weights, shape: [count, classes] }) => {
        assert.equal(targets.length, count)
        const gradient = new Float32Array(outputs.length)
        let loss = 0
        for (let row = 0; row < count; row++) {
          const at = row * classes + (targets[row] as number)
          const weight = (weights[row] as number) / count
          loss -= weight * Math.log(outputs[at] as number)
          gradient[at] = -weight / (outputs[at] as number)
        }
        return { loss, gradient }
      },
    })
    const largest = metrics.custom({ name: 'largest', rows: ({ targets }) => targets })
    const make = (loss: Loss, own: boolean) =>
      sequential([layers.dense({ units: 3, activation: 'softmax', inputShape: [4] })], { seed: 1 }).compile({
        loss,
        metrics: own
          ? ['accuracy', 'auc', 'sparseCategoricalCrossentropy', 'mean', largest]
          : ['accuracy', 'auc', 'sparseCategoricalCrossentropy', 'mean'],
        optimizer: optimizers.sgd({ learningRate: 0.1 }),
        device,
      })
    for (const classWeight of [undefined, { 0: 2, 1: 0.5 }, 'balanced'] as const) {
      using own = make(entropy, true)
      using expected = make(losses.sparseCategoricalCrossentropy(), false)
      for (const net of [own, expected])
        await net.fit(x, labels, { ...quiet, epochs: 2, batchSize: 6, seed: 1, classWeight })
      const [{ largest: mean, ...logs }, builtIn] = [
        await own.evaluate(x, labels),
        await expected.evaluate(x, labels),
      ] as Anything
      assert.equal(mean, labels.reduce((sum, label) => sum + label, 0) / rows)
      for (const [key, value] of Object.entries(builtIn)) assertNear(logs[key], value as number, rounded, key)
    }
    using own = make(entropy, true)
    await assertRefused(
      () =>
        own.evaluate(
          x,
          labels.map(() => 3),
        ),
      'ERR_LABEL_RANGE',
      /y: expected class indices 0 to 2, got 3/,
    )
    own.compile({ loss: entropy, device })
    assert.ok(
      Number.isNaN(
        (
          await own.evaluate(
            x,
            labels.map(() => 300000),
          )
        ).loss,
      ),
    ) // any numbers, where no metric reads them
  })
})
