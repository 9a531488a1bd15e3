/** debug.checkGradients near kinks: right gradients pass, and a gradient that is 3 % wrong in one layer is found. */

import assert from 'node:assert/strict'
import {
  type Activation,
  type ActivationName,
  activations,
  debug,
  type Loss,
  layers,
  losses,
  sequential,
} from 'neurode'
import { toInput } from '#lib/arrays/arrays.js'
import { coreOf } from '#lib/core/cores.js'
import { readTargets } from '#lib/core/targets.js'
import { compareGradients } from '#lib/gradients/compare.js'
import { Probe } from '#lib/gradients/probe.js'
import { slopeAt } from '#lib/gradients/slope.js'
import { isEmulated, perDevice } from './support/devices.js'
import { Random } from './support/random.js'

interface Case {
  readonly title: string
  readonly rows: number
  readonly hidden: readonly number[]
  readonly activation: ActivationName | Activation
  readonly loss?: Loss
  /** Number of networks on the CPU. A case with fewer than 50 is similar to another case. */
  readonly networks: number
}

const cases: readonly Case[] = [
  { title: '4 relu units, 4 rows', rows: 4, hidden: [4], activation: 'relu', networks: 50 },
  { title: '32 relu units, 8 rows', rows: 8, hidden: [32], activation: 'relu', networks: 50 },
  { title: '100 relu units, 32 rows', rows: 32, hidden: [100], activation: 'relu', networks: 50 },
  { title: 'two layers of relu', rows: 8, hidden: [24, 24], activation: 'relu', networks: 50 },
  { title: 'leakyRelu', rows: 8, hidden: [32], activation: 'leakyRelu', networks: 20 },
  { title: 'tanh', rows: 8, hidden: [32], activation: 'tanh', networks: 20 },
  { title: 'clipped relu', rows: 8, hidden: [32], activation: activations.relu({ maxValue: 0.5 }), networks: 10 },
  { title: 'hardSigmoid', rows: 8, hidden: [32], activation: 'hardSigmoid', networks: 10 },
  { title: 'softShrink', rows: 8, hidden: [32], activation: 'softShrink', networks: 10 },
  { title: 'hinge', rows: 8, hidden: [32], activation: 'relu', loss: losses.hinge(), networks: 10 },
  {
    title: 'categoricalHinge',
    rows: 8,
    hidden: [32],
    activation: 'relu',
    loss: losses.categoricalHinge(),
    networks: 10,
  },
  {
    title: 'meanAbsoluteError',
    rows: 8,
    hidden: [32],
    activation: 'tanh',
    loss: losses.meanAbsoluteError(),
    networks: 10,
  },
]

perDevice('debug.checkGradients', (device) => {
  it('leaves out frozen layers, which have no gradient', async () => {
    const frozen = layers.dense({ units: 3, activation: 'tanh', inputShape: [2], trainable: false })
    using model = sequential([frozen, layers.dense({ units: 1 })], { seed: 1 }).compile({ loss: 'mse', device })
    const { agrees, parameters } = await debug.checkGradients(model, [[1, 2]], [[0]])
    assert.ok(agrees)
    assert.deepEqual(
      parameters.map(({ name }) => name),
      ['dense_1/kernel', 'dense_1/bias'],
    )
  })

  const build = ({ rows, hidden, activation, loss = losses.meanSquaredError() }: Case, seed: number) => {
    const random = new Random(seed + 1)
    const draw = (width: number) => Array.from({ length: rows }, () => [...random.uniforms(width, -1, 1)])
    const largest = (row: number[]) => row.map((value) => Number(value === Math.max(...row)))
    const y = draw(4)
    const model = sequential({
      seed,
      layers: [
        layers.input({ shape: [6] }),
        ...hidden.map((units) => layers.dense({ units, activation })),
        layers.dense({ units: 4 }),
      ],
    }).compile({ loss, device })
    return { model, x: draw(6), y: loss.name === 'categoricalHinge' ? y.map(largest) : y }
  }

  // The emulator takes milliseconds for a step, so it gets only one case.
  for (const tested of isEmulated(device) ? cases.slice(0, 1) : cases) {
    const networks = isEmulated(device) ? 3 : tested.networks
    it(`finds right gradients right and one that is 3 % off: ${tested.title}, ${networks} networks`, async () => {
      let [agree, checked, kinks] = [0, 0, 0]
      for (let seed = 0; seed < networks; seed++) {
        const { model, x, y } = build(tested, seed)
        using _ = model
        const report = await debug.checkGradients(model, x, y)
        agree += Number(report.agrees)
        checked += report.checked
        kinks += report.kinks
        assert.equal(
          report.kinks,
          report.parameters.reduce((sum, parameter) => sum + parameter.kinks, 0),
        )
        const core = coreOf(model as never)
        const probe = new Probe(core, toInput(x, [6], 'x'), readTargets(core, y, tested.rows, 'y'))
        const wrong = model.layers[1 + (seed % (model.layers.length - 1))]?.name as string
        const gradients = (await probe.gradients()).map((gradient, index) =>
          probe.model.parameters[index]?.name.startsWith(`${wrong}/`)
            ? gradient.map((value) => 1.03 * value)
            : gradient,
        )
        const found = await compareGradients(probe, gradients, { samples: 16, tolerance: 0.01 })
        probe.dispose()
        const off = found.filter(({ agrees }) => !agrees).map(({ name }) => name.split('/')[0])
        assert.ok(off.includes(wrong), `network ${seed}, layer ${wrong}: ${JSON.stringify(found)}`)
      }
      assert.ok(agree >= Math.floor(0.98 * networks), `${agree} of ${networks} agree`)
      assert.ok(checked >= 0.8 * (checked + kinks), `${checked} compared, ${kinks} left out`)
    })
  }

  it('finds a loss whose gradient is 3 % off', async () => {
    const squares = (factor: number) =>
      losses.custom({
        name: 'squares',
        compute: ({ outputs, targets }) => ({
          loss: outputs.reduce((sum, y, i) => sum + (y - (targets[i] as number)) ** 2, 0),
          gradient: outputs.map((y, i) => 2 * factor * (y - (targets[i] as number))),
        }),
      })
    for (const [factor, agrees] of [
      [1, true],
      [1.03, false],
      [0.97, false],
    ] as const) {
      const { model, x, y } = build({ ...(cases[0] as Case), loss: squares(factor) }, 3)
      using _ = model
      assert.equal((await debug.checkGradients(model, x, y)).agrees, agrees, `times ${factor}`)
    }
  })
})

describe('slopes of functions with kinks', () => {
  const slope = (value: (x: number) => number, scale = 1) =>
    slopeAt(async (distance) => ({ distance, value: value(distance) }), scale)
  const kink = (at: number) => (x: number) => Math.max(x - at, 0)

  it('are those at the point, or none, wherever a kink is and whatever is on its other side', async () => {
    let [found, tried] = [0, 0]
    for (let exponent = -15; exponent <= -2; exponent += 0.05) {
      for (const sign of [1, -1]) {
        const at = sign * 2 ** exponent
        tried++
        const got = await slope((x) => Math.sin(x) + 0.3 * kink(at)(x) + 0.2 * x * x)
        if (got === undefined) continue
        found++
        const expected = at < 0 ? 1.3 : 1
        assert.ok(Math.abs(got - expected) < 0.01, `kink at ${at}: ${got}`)
      }
    }
    assert.ok(found > 0.75 * tried, `${found} of ${tried} found`)
  })

  it('are none at a kink, at a jump, between two kinks that are very near, and where there is noise alone', async () => {
    assert.equal(await slope(Math.abs), undefined)
    assert.equal(await slope((x) => Number(x > 0)), undefined)
    assert.equal(await slope((x) => kink(1e-5)(x) + kink(1e-5)(-x)), undefined)
    const random = new Random(4)
    assert.equal(await slope((x) => x + 0.1 * (random.normals(1)[0] as number)), undefined)
    assert.equal(await slope(() => 3), 0)
  })
})
