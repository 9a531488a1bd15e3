/** The progress that fit shows. */

import assert from 'node:assert/strict'
import { type FitOptions, metrics } from 'neurode'
import { perDevice } from './support/devices.js'
import { classifier, clouds } from './support/problems.js'

/** A stream that collects the output, as a terminal or as a file. */
function recorder(isTTY: boolean) {
  const chunks: string[] = []
  return { isTTY, columns: 200, write: (text: string) => chunks.push(text), text: () => chunks.join('') }
}

perDevice('progress', (device) => {
  const line = (epoch: number) =>
    new RegExp(
      `^Epoch ${epoch}/2 - \\S+s - \\S+ samples/s - loss: \\d+\\.\\d{4} - accuracy: \\d\\.\\d{4} - val_loss: \\d+\\.\\d{4} - val_accuracy: \\d\\.\\d{4}$`,
    )
  const options = { epochs: 2, validationSplit: 0.2 } as const
  const written = async (verbose: 0 | 1 | 2 | 'auto', isTTY: boolean) => {
    const { x, y } = clouds(50)
    using model = classifier({ device })
    const stream = recorder(isTTY)
    await model.fit(x, y, { ...options, verbose, stream })
    return stream.text()
  }

  it('writes nothing with verbose 0', async () => {
    assert.equal(await written(0, true), '')
  })

  for (const verbose of [2, 'auto'] as const) {
    it(`writes a line per epoch to a file with verbose ${verbose}`, async () => {
      const lines = (await written(verbose, false)).split('\n')
      assert.match(lines[0] ?? '', line(1))
      assert.match(lines[1] ?? '', line(2))
      assert.deepEqual(lines.slice(2), [''])
    })
  }

  for (const verbose of [1, 'auto'] as const) {
    it(`draws a bar on a terminal with verbose ${verbose}`, async () => {
      const text = await written(verbose, true)
      assert.match(text, /\rEpoch 1\/2 ━{24} 2\/2 - [^\n]*val_accuracy: \d/)
      assert.match(text, /\rEpoch 2\/2 ━{24} 2\/2 - [^\n]*val_accuracy: \d/)
      assert.ok(text.endsWith('\n'))
      assert.equal(text.split('\n').length, 3)
    })
  }

  it('tells onProgress of every epoch', async () => {
    const { x, y } = clouds(50)
    using model = classifier({ device })
    const ends: number[] = []
    await model.fit(x, y, {
      ...options,
      verbose: 0,
      onProgress: ({ epoch, batch, batches, rows, logs }) => {
        assert.ok(batch <= batches && rows <= 40 && Number.isFinite(logs.loss))
        if (batch === batches) ends.push(epoch)
      },
    })
    assert.deepEqual(ends, [0, 1])
  })

  // A source of batches gives several ranges of batches in an epoch.
  it('asks metrics once an epoch where nobody follows, and after every range where somebody does', async () => {
    const batches = Array.from({ length: 3 }, () => {
      const { x, y } = clouds(10)
      return { x, y }
    })
    let count = 0
    const seen = metrics.custom({
      name: 'seen',
      state: () => ({ updateState() {}, result: () => ++count }),
    })
    using model = classifier({ device })
    model.compile({ loss: 'sparseCategoricalCrossentropy', metrics: [seen], device })
    const asked = async (work: () => Promise<unknown>) => {
      count = 0
      await work()
      return count
    }
    const train = (options: FitOptions) => asked(() => model.fit(() => batches, { epochs: 2, verbose: 0, ...options }))
    const evaluate = (verbose: 0 | 1 | 2) =>
      asked(() => model.evaluate(() => batches, verbose === 0 ? {} : { verbose, stream: recorder(true) }))
    assert.equal(await train({}), 2)
    assert.equal(await train({ verbose: 2, stream: recorder(true) }), 2)
    assert.equal(await train({ callbacks: { onEpochEnd() {} } }), 2)
    assert.ok((await train({ verbose: 1, stream: recorder(true) })) > 2)
    assert.ok((await train({ onProgress: () => {} })) > 2)
    assert.ok((await train({ callbacks: { onRangeEnd() {} } })) > 2)
    assert.equal(await evaluate(0), 1)
    assert.equal(await evaluate(2), 1)
    assert.ok((await evaluate(1)) > 1)
  })
})
