/** Mistakes with gradients are typed errors, after which the model is as before. */

import assert from 'node:assert/strict'
import { array, layers, type Sequential, sequential } from 'neurode'
import { perDevice } from './support/devices.js'
import { everything, make, x, y } from './support/everything.js'
import { bits, numbers, rows } from './support/graphs.js'
import { assertRefused } from './support/refusals.js'
import { compiled as compiledTwo, x as xOfTwo } from './support/severalOutputs.js'

// biome-ignore lint/suspicious/noExplicitAny: what is wrong on purpose.
type Anything = any

perDevice('mistakes with gradients', (device) => {
  const build = () => everything(make('adam', {}), device)

  it('are errors, and the model is as before', async () => {
    using net = build()
    const { gradients } = await net.valueAndGradients(x, y)
    const before = bits(net)
    const own = gradients as Record<string, Anything>
    const without = (name: string) => Object.fromEntries(Object.entries(own).filter(([key]) => key !== name))
    const wrong: [() => unknown, Anything, RegExp][] = [
      [
        () => net.applyGradients(without('out/bias')),
        'ERR_ARGUMENT',
        /expected an array of shape \[3\] for 'out\/bias', got none/,
      ],
      [
        () => net.applyGradients({ ...own, 'out/bies': [1] }),
        'ERR_UNKNOWN_NAME',
        /no weight is called 'out\/bies'; did you mean 'out\/bias'/,
      ],
      [
        () => net.applyGradients({ ...own, 'out/bias': [1, 2] }),
        'ERR_SHAPE',
        /gradients\['out\/bias'\].*expected shape \[3\], got \[2\]/,
      ],
      [() => net.applyGradients({ ...own, 'out/bias': 'no' as Anything }), 'ERR_DTYPE', /gradients\['out\/bias'\]/],
      [
        () => net.applyGradients({ ...own, 'frozen/bias': new Float32Array(5) }),
        'ERR_ARGUMENT',
        /frozen\/bias'\]: expected none, as its layer is frozen/,
      ],
      [
        () => net.applyGradients({ ...own, 'batch_normalization/moving_mean': new Float32Array(20) }),
        'ERR_ARGUMENT',
        /it is a statistic/,
      ],
      [() => net.applyGradients([] as Anything), 'ERR_ARGUMENT', /gradients: expected a record/],
      [() => net.applyGradients(own, { skip: true } as Anything), 'ERR_UNKNOWN_NAME', /no option is called 'skip'/],
      [() => net.valueAndGradients(x, numbers(2)), 'ERR_SHAPE', /y: expected shape \[n, 3\]/],
      [() => net.valueAndGradients(numbers(5), y), 'ERR_SHAPE', /x: expected shape \[n, 6\]/],
      [() => net.valueAndGradients(x, y, { classWeight: 'balanced' }), 'ERR_ARGUMENT', /balanced/],
      [
        () => net.valueAndGradients(x, y, { training: 1 as Anything }),
        'ERR_ARGUMENT',
        /training: expected true or false/,
      ],
      [() => net.backward(x, numbers(2)), 'ERR_SHAPE', /gradientsOfOutputs: expected shape \[n, 3\]/],
      [() => net.backward(x, array(new Float32Array(6), [2, 3])), 'ERR_SHAPE', /as the output has, got 2 rows/],
      [
        () => net.backward(x, undefined as Anything),
        'ERR_ARGUMENT',
        /expected gradients of the outputs, got undefined/,
      ],
      [
        () =>
          net.backward(
            x,
            y.data.map(() => Number.NaN),
          ),
        'ERR_ARGUMENT',
        /element 0: expected a finite number, got NaN/,
      ],
      [() => net.trainWithOutputGradients(x, undefined as Anything), 'ERR_ARGUMENT', /expected a function/],
      [
        () => net.trainWithOutputGradients(x, () => undefined as Anything),
        'ERR_ARGUMENT',
        /that the function returned: expected gradients/,
      ],
      [() => net.trainWithOutputGradients(x, () => 'no' as Anything), 'ERR_DTYPE', /that the function returned/],
      [() => net.trainWithOutputGradients(x, () => [[1, 2, 3]]), 'ERR_SHAPE', /got 1 rows/],
      [
        () => net.trainWithOutputGradients(x, ({ data }) => data.fill(Number.POSITIVE_INFINITY)),
        'ERR_ARGUMENT',
        /finite/,
      ],
      [
        () =>
          net.trainWithOutputGradients(x, async () => {
            await net.applyGradients(own)
            return y
          }),
        'ERR_MODEL_BUSY',
        /took another step while the function ran/,
      ],
    ]
    for (const [act, code, message] of wrong.slice(0, -1)) {
      await assertRefused(act, code, message)
      assert.deepEqual([bits(net), net.position.step], [before, 0])
    }
    using several = compiledTwo(device)
    await assertRefused(
      () => several.trainWithOutputGradients(xOfTwo, () => ({ price: numbers(2) }) as Anything),
      'ERR_ARGUMENT',
      /returned\.sold: expected gradients of the output, or null for 0/,
    )
    await assertRefused(
      () => several.backward(xOfTwo, y as Anything),
      'ERR_ARGUMENT',
      /a list or a record for the outputs/,
    )
    await assert.rejects(
      net.trainWithOutputGradients(x, () => {
        throw new RangeError('my own')
      }),
      { name: 'RangeError', message: 'my own' },
    )
    await assert.rejects(
      net.trainWithOutputGradients(x, () => Promise.reject(new RangeError('later'))),
      { message: 'later' },
    )
    assert.deepEqual([bits(net), net.position.step], [before, 0])
    using same = build()
    assert.deepEqual(await net.trainOnBatch(x, y), await same.trainOnBatch(x, y))
    const [act, code, message] = wrong.at(-1) as (typeof wrong)[number]
    await assertRefused(act, code, message)
  })

  it('are gradients of outputs that the model had before the function gave it other layers or settings', async () => {
    const changes: readonly [change: (net: Sequential) => unknown, message: RegExp][] = [
      [(net) => net.add(layers.dense({ units: 3 })), /got other layers while the function ran/],
      [(net) => net.compile({ loss: 'mae', device }), /was compiled while the function ran/],
    ]
    for (const [change, message] of changes) {
      using net = sequential([layers.dense({ units: 3, inputShape: [6] })], { seed: 1 }).compile({
        loss: 'mse',
        device,
      })
      const [kernel] = net.getWeights()
      const step = () =>
        net.trainWithOutputGradients(x, ({ data }) => {
          change(net as unknown as Sequential)
          return data
        })
      await assertRefused(step, 'ERR_MODEL_BUSY', message)
      assert.deepEqual([net.getWeights()[0]?.data, net.position.step], [kernel?.data, 0])
    }
  })

  it('are errors before compile, after dispose and during a fit', async () => {
    using bare = sequential([layers.dense({ units: 3, inputShape: [6] })])
    const { gradients, inputs } = await bare.backward(x, y)
    assert.deepEqual(
      [Object.keys(gradients), inputs.shape],
      [
        ['dense/kernel', 'dense/bias'],
        [rows, 6],
      ],
    )
    for (const act of [
      () => bare.valueAndGradients(x, y),
      () => bare.applyGradients(gradients),
      () => bare.trainWithOutputGradients(x, ({ data }) => data),
    ]) {
      await assertRefused(act, 'ERR_NOT_COMPILED', /was not compiled/)
    }
    await assertRefused(() => sequential().backward(1 as Anything, y), 'ERR_NOT_BUILT', /not built/)

    const net = build()
    const all = [
      () => net.valueAndGradients(x, y),
      () => net.applyGradients(gradients),
      () => net.trainWithOutputGradients(x, ({ data }) => data),
      () => net.backward(x, y),
    ]
    const fit = net.fit(x, y, {
      verbose: 0,
      callbacks: [
        {
          onEpochEnd: async () => {
            for (const act of all) await assertRefused(act, 'ERR_MODEL_BUSY', /is training: .* cannot be called/)
          },
        },
      ],
    })
    for (const act of all) await assertRefused(act, 'ERR_MODEL_BUSY', /is training/)
    await fit
    const running = [net.valueAndGradients(x, y), net.backward(x, y)]
    net.dispose()
    for (const result of await Promise.allSettled(running)) {
      assert.equal(result.status === 'rejected' ? result.reason.code : 'ERR_DISPOSED', 'ERR_DISPOSED')
    }
    for (const act of all) await assertRefused(act, 'ERR_DISPOSED', /disposed/)
  })
})
