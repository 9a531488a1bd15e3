/** Factories that accept a single number for their most important option, and those that do not. */

import assert from 'node:assert/strict'
import { activations, constraints, initializers, layers, optimizers, regularizers, sequential } from 'neurode'
import { assertRefused } from './support/refusals.js'

// biome-ignore lint/suspicious/noExplicitAny: each factory has its own options
type Factories = Readonly<Record<string, (options?: any) => any>>

/** By factory: the option for which a single number stands. */
const mainOptions: readonly (readonly [kind: string, factories: Factories, Readonly<Record<string, string>>])[] = [
  ['initializers', initializers, { constant: 'value', varianceScaling: 'scale', orthogonal: 'gain' }],
  ['regularizers', regularizers, { l1: 'l1', l2: 'l2', orthogonal: 'factor' }],
  ['constraints', constraints, { maxNorm: 'maxValue' }],
  [
    'activations',
    activations,
    {
      leakyRelu: 'negativeSlope',
      elu: 'alpha',
      celu: 'alpha',
      softShrink: 'threshold',
      hardShrink: 'threshold',
      squareplus: 'b',
    },
  ],
  ['optimizers', optimizers, Object.fromEntries(Object.keys(optimizers).map((name) => [name, 'learningRate']))],
  [
    'layers',
    layers,
    {
      dense: 'units',
      dropout: 'rate',
      gaussianDropout: 'rate',
      gaussianNoise: 'stddev',
      alphaDropout: 'rate',
      rescaling: 'scale',
      leakyReLU: 'negativeSlope',
      elu: 'alpha',
      groupNormalization: 'groups',
      repeatVector: 'n',
      categoryEncoding: 'numTokens',
    },
  ],
]

/** The options that a factory was given, as files describe them. */
// biome-ignore lint/suspicious/noExplicitAny: whatever a factory gives
const told = (made: any) => JSON.stringify([made.kind, made.config?.() ?? [made.name, made.options]])

describe('sequential', () => {
  it('takes name and seed beside a list of layers as with them', async () => {
    const list = () => [layers.dense({ units: 3, inputShape: [2] })]
    const beside = sequential(list(), { name: 'a', seed: 7 })
    const among = sequential({ layers: list(), name: 'a', seed: 7 })
    assert.deepEqual([beside.name, beside.seed], ['a', 7])
    assert.deepEqual(beside.getWeights(), among.getWeights())
    assert.notDeepEqual(sequential(list(), { seed: 8 }).getWeights(), among.getWeights())
    assert.equal(sequential([], {}).name, 'sequential')
    const refused = (second: unknown, pattern: RegExp, first: unknown = list()) =>
      assertRefused(
        () => sequential(first as never, second as never),
        /option is/.test(String(pattern)) ? 'ERR_UNKNOWN_NAME' : 'ERR_ARGUMENT',
        pattern,
      )
    await refused({ sed: 7 }, /^sequential: no option is called 'sed'; did you mean 'seed'\?$/)
    await refused({ layers: [] }, /^sequential: no option is called 'layers'/)
    await refused({ seed: -1 }, /^sequential: seed: expected an integer of at least 0, got -1$/)
    await refused(7, /^sequential: expected .*options, got 7$/)
    await refused({ seed: 7 }, /^options: expected none beside an object with layers/, { layers: list() })
  })
})

describe('a number alone', () => {
  for (const [kind, factories, options] of mainOptions) {
    for (const [name, option] of Object.entries(options)) {
      it(`is the ${option} of ${kind}.${name}`, () => {
        const make = factories[name] ?? assert.fail(`${kind} has ${name}`)
        const value = /^(units|groups|n|numTokens)$/.test(option) ? 3 : 0.25
        assert.equal(told(make(value)), told(make({ [option]: value })))
      })

      it(`is checked as the ${option} of ${kind}.${name} is`, () =>
        assertRefused(
          () => factories[name]?.(Number.NaN),
          'ERR_ARGUMENT',
          new RegExp(`${name}: ${option}: expected`, 'i'),
        ))
    }
  }

  it('fills a kernel', () => {
    const plan = initializers.constant(0.5).plan([2, 2], 1)
    assert.deepEqual(plan, { name: 'constant', value: 0.5, seed: 0 })
  })

  it('is refused where it says nothing', async () => {
    for (const make of [layers.softmax, layers.flatten, initializers.randomUniform, regularizers.l1l2] as const) {
      await assertRefused(() => make(3 as never), 'ERR_ARGUMENT', /expected an object/)
    }
  })
})
