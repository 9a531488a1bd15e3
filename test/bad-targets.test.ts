/** Targets that a custom loss does not take are refused, and its width is kept in files. */

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { type Loss, layers, load, losses, metrics, sequential } from 'neurode'
import { inFolder } from './data/files.js'
import { perDevice } from './support/devices.js'
import { bits, quiet, rows } from './support/graphs.js'
import { assertRefused } from './support/refusals.js'
import { chain, first, fork, numbered, plain, squaresOf, weighted, wide, x, y } from './support/wideTargets.js'

// biome-ignore lint/suspicious/noExplicitAny: what is wrong on purpose.
type Anything = any

perDevice('targets of a custom loss', (device) => {
  it('are saved with their width, and given again', async () => {
    await inFolder(async (folder) => {
      const [path, again] = [join(folder, 'm.neurode'), join(folder, 'again.neurode')]
      using net = chain(wide(), device)
      await net.fit(x, numbered(y.data), { ...quiet, batchSize: 5 })
      await net.save(path)
      const expected = await net.evaluate(x, numbered(y.data))
      using bare = await load(path, { device: device as 'cpu' })
      assert.equal(bare.loss?.targetWidth, 3)
      await bare.save(again)
      for (const own of [{ squares: squaresOf }, [wide()], { squares: plain }]) {
        using loaded = await load(again, { device: device as 'cpu', losses: own, metrics: [first, weighted] })
        assert.deepEqual(await loaded.evaluate(x, numbered(y.data)), expected)
      }
      const other = losses.custom({ name: 'squares', targets: 4, compute: squaresOf })
      await assertRefused(
        () => load(again, { losses: [other], metrics: [first, weighted] }),
        'ERR_ARGUMENT',
        /loss 'squares': targets: expected 3, as in the model that was saved, got 4/,
      )
    })
  })
})

describe('targets of a custom loss', () => {
  const build = (loss: Loss, metric?: Anything, units = 2) =>
    sequential([layers.dense({ units, inputShape: [4] })]).compile({
      loss,
      metrics: metric === undefined ? [] : [metric],
    })

  it('are refused where built-in metrics cannot read them, when the model is compiled', async () => {
    const one = losses.custom({ name: 'one', targets: 1, compute: squaresOf })
    const wrong: readonly [loss: Loss, metric: Anything][] = [
      [wide(), 'mae'],
      [wide(), 'accuracy'],
      [wide(), metrics.auc()],
      [one, 'mse'],
      [one, 'r2Score'],
    ]
    for (const [loss, metric] of wrong) {
      const said = `metric '[^']*': expected one that reads the targets of loss '${loss.name}', \\d a row, got one that reads 2`
      await assertRefused(async () => build(loss, metric), 'ERR_ARGUMENT', new RegExp(said))
    }
    // As wide as the outputs they are rows as any other.
    const two = losses.custom({ name: 'two', targets: 2, compute: squaresOf })
    using net = build(two, 'mae')
    assert.ok(Number((await net.evaluate(x, y)).mae) > 0)
    using several = fork(wide(), 'cpu')
    await assertRefused(
      async () => several.compile({ loss: { price: wide(), sold: 'mse' }, metrics: { price: ['mae'] } } as Anything),
      'ERR_ARGUMENT',
      /output 'price': metric 'price_.*': expected one that reads the targets of loss 'squares', 3 a row/,
    )
  })

  it('are never one-hot rows, and of no other shape', async () => {
    const labels = new Int32Array(rows)
    using net = build(plain, undefined, 5)
    await assertRefused(
      () => net.evaluate(x, labels),
      'ERR_SHAPE',
      /shape \[n, 5\] \(losses\.custom\(\{ targets: 1 \}\) takes class indices\)/,
    )
    using three = build(plain, undefined, 3)
    await assertRefused(
      () => three.evaluate(x, labels),
      'ERR_SHAPE',
      /class indices go with losses\.custom\(\{ targets: 1 \}\)/,
    )
    using own = build(wide())
    const before = bits(own)
    const refused: readonly [act: () => unknown, code: Anything, says: RegExp][] = [
      [() => own.fit(x, y, quiet), 'ERR_SHAPE', /y: expected shape \[n, 3\], got shape \[24, 2\]/],
      [
        () => own.fit(x, new Float32Array(6), quiet),
        'ERR_SHAPE',
        /y: expected 24 rows, as many as the input has, got 2/,
      ],
      [
        () => own.trainOnBatch(x, numbered(y.data), { classWeight: { 0: 1 } }),
        'ERR_ARGUMENT',
        /classWeight: expected none with loss 'squares', whose rows of 3 targets/,
      ],
      [
        () => own.evaluate(x, numbered(y.data), { perClass: true }),
        'ERR_ARGUMENT',
        /perClass: expected false with loss 'squares'/,
      ],
      [() => own.valueAndGradients(x, [[1e39, 0, 0]]), 'ERR_ARGUMENT', /float32/],
    ]
    for (const [act, code, says] of refused) await assertRefused(act, code, says)
    assert.deepEqual(bits(own), before)
    for (const targets of [0, -1, 1.5, '3', Number.NaN]) {
      await assertRefused(
        async () => losses.custom({ name: 'a', targets: targets as number, compute: squaresOf }),
        'ERR_ARGUMENT',
        /losses\.custom: targets: expected an integer/,
      )
    }
  })
})
