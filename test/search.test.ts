/** Hyper-parameters that trials draw: the same everywhere, within their ranges, spread as they should be, and typed. */

import assert from 'node:assert/strict'
import { search } from 'neurode'
import { throws } from './data/files.js'
import { runNode } from './support/children.js'
import { type Equal, expectType } from './types/equal.js'

const space = {
  units: search.integer({ low: 4, high: 64 }),
  layers: search.integer({ low: 1, high: 4 }),
  batchSize: search.integer({ low: 8, high: 512, log: true }),
  step: search.integer({ low: -6, high: 7, step: 3 }),
  rate: search.uniform({ low: 0, high: 0.5 }),
  grid: search.uniform({ low: 0, high: 0.3, step: 0.1 }),
  noise: search.normal({ mean: 3, stddev: 2 }),
  activation: search.choice(['relu', 'tanh', 'gelu']),
  hidden: search.choice([[64, 32], [16]]),
  optimizer: { name: 'adam', learningRate: search.logUniform({ low: 1e-5, high: 1e-1 }) },
  epochs: 10,
}
const trials = Array.from({ length: 4000 }, (_, index) => search.sample(space, index, 1))
const of = (read: (trial: (typeof trials)[number]) => number) => trials.map(read)

/** The largest distance between how numbers are spread and a uniform spread from 0 to 1. */
function distance(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b)
  return Math.max(...sorted.map((each, i) => Math.abs(each - (i + 0.5) / sorted.length)))
}

const counts = (values: readonly unknown[]) => {
  const found = new Map<unknown, number>()
  for (const value of values) found.set(value, (found.get(value) ?? 0) + 1)
  return found
}

describe('hyper-parameters', () => {
  it('of a trial follow from its index and the seed alone', async () => {
    assert.deepEqual(search.sample(space, 17, 1), trials[17])
    assert.deepEqual(search.sample(space, 17), search.sample(space, 17, 0))
    for (const [index, seed] of [
      [18, 1],
      [17, 2],
      [17 + 2 ** 32, 1],
      [17, 1 + 2 ** 32],
    ] as const) {
      assert.notDeepEqual(search.sample(space, index, seed), trials[17])
    }
    const program = `
      import { search } from 'neurode'
      console.log(JSON.stringify(search.sample({ a: search.uniform({ low: 0, high: 1 }), b: search.integer({ low: 1, high: 1000 }) }, 5, 3)))`
    const { stdout } = await runNode(['--input-type=module', '-e', program])
    assert.deepEqual(JSON.parse(stdout), { a: 0.7384913814522239, b: 219 })
  })

  it('do not depend on what else is in the space, nor on its order', () => {
    for (const name of Object.keys(space) as (keyof typeof space)[]) {
      assert.deepEqual(search.sample({ other: search.uniform({ low: 0, high: 1 }), [name]: space[name] }, 17, 1), {
        other: search.sample({ other: search.uniform({ low: 0, high: 1 }) }, 17, 1).other,
        [name]: trials[17]?.[name],
      })
    }
  })

  it('of one kind are drawn apart from each other', () => {
    const range = { low: 0, high: 1 }
    const two = { a: search.uniform(range), b: search.uniform(range), c: { a: search.uniform(range) } }
    const drawn = Array.from({ length: 2000 }, (_, index) => search.sample(two, index))
    const correlation = (x: readonly number[], y: readonly number[]) =>
      (x.reduce((sum, each, i) => sum + (each - 0.5) * ((y[i] as number) - 0.5), 0) / x.length) * 12
    for (const other of [drawn.map(({ b }) => b), drawn.map(({ c }) => c.a), drawn.slice(1).map(({ a }) => a)]) {
      assert.ok(Math.abs(correlation(drawn.map(({ a }) => a).slice(0, other.length), other)) < 0.08)
    }
  })

  it('are within their ranges, and spread over them', () => {
    const unit = {
      rate: of(({ rate }) => rate / 0.5),
      learningRate: of(({ optimizer }) => (Math.log10(optimizer.learningRate) + 5) / 4),
      units: of(({ units }) => (units - 4 + 0.5) / 61),
      batchSize: of(({ batchSize }) => Math.log((batchSize + 0.5) / 8) / Math.log(513 / 8)),
    }
    for (const [name, numbers] of Object.entries(unit)) {
      assert.ok(
        numbers.every((each) => each >= 0 && each <= 1),
        name,
      )
      assert.ok(distance(numbers) < 0.04, `${name}: ${distance(numbers)}`)
    }
    for (const [values, expected] of [
      [of((trial) => trial.layers), [1, 2, 3, 4]],
      [of(({ step }) => step), [-6, -3, 0, 3, 6]],
      [of(({ grid }) => Number(grid.toFixed(9))), [0, 0.1, 0.2, 0.3]],
      [trials.map(({ activation }) => activation), ['gelu', 'relu', 'tanh']],
      [trials.map(({ hidden }) => hidden.length), [1, 2]],
    ] as const) {
      const found = counts(values)
      assert.deepEqual([...found.keys()].sort(), [...expected].sort())
      for (const count of found.values()) assert.ok(Math.abs((count * expected.length) / 4000 - 1) < 0.15, `${count}`)
    }
    const noise = of((trial) => (trial.noise - 3) / 2)
    const mean = noise.reduce((a, b) => a + b) / noise.length
    const variance = noise.reduce((sum, each) => sum + each * each, 0) / noise.length
    const within = noise.filter((each) => Math.abs(each) < 1).length / noise.length
    assert.ok(Math.abs(mean) < 0.06 && Math.abs(variance - 1) < 0.08 && Math.abs(within - 0.683) < 0.03)
    assert.ok(trials.every(({ epochs, optimizer }) => epochs === 10 && optimizer.name === 'adam'))
  })

  it('of ranges at the ends of what numbers can be stay within them', () => {
    const wide = {
      all: search.uniform({ low: -1.7e308, high: 1.7e308 }),
      one: search.uniform({ low: 0.1, high: 0.1 }),
      log: search.logUniform({ low: 5e-324, high: 1.7e308 }),
      integer: search.integer({ low: 0, high: Number.MAX_SAFE_INTEGER - 1 }),
      small: search.integer({ low: 1, high: 1, log: true }),
    }
    for (let index = 0; index < 200; index++) {
      const { all, one, log, integer, small } = search.sample(wide, index)
      assert.ok(Number.isFinite(all) && one === 0.1 && log > 0 && Number.isFinite(log))
      assert.ok(Number.isSafeInteger(integer) && small === 1)
    }
  })

  it('have any names', () => {
    const names = ['__proto__', 'constructor', 'toString', '', 'é']
    const odd = Object.fromEntries(names.map((name) => [name, search.choice([name])]))
    const trial = search.sample(odd, 0)
    assert.deepEqual(
      Object.entries(trial),
      names.map((name) => [name, name]),
    )
  })

  it('are refused where no trial could be drawn from them', () => {
    const calls: readonly (readonly [() => unknown, RegExp])[] = [
      [
        () => search.uniform({ low: 1, high: 0 }),
        /search.uniform: high: expected a finite number of at least 1, got 0/,
      ],
      [() => search.uniform({} as never), /search.uniform: low/],
      [() => search.uniform({ low: 0, high: 1, step: 0 }), /step: expected a number above 0/],
      [() => search.uniform({ low: 0, high: 1, step: 1e-300 }), /step: /],
      [() => search.logUniform({ low: 0, high: 1 }), /low: expected a number above 0/],
      [() => search.integer({ low: 0.5, high: 1 }), /low: expected an integer/],
      [() => search.integer({ low: 0, high: 5, log: true }), /low: expected a positive integer/],
      [() => search.integer({ low: 1, high: 5, step: 2, log: true }), /step: expected none with log: true/],
      [() => search.normal({ stddev: -1 }), /stddev/],
      [() => search.choice([]), /search.choice: expected a list of at least one value/],
      [() => search.sample(space, -1), /search.sample: index/],
      [() => search.sample(space, 0.5), /search.sample: index/],
      [() => search.sample(space, 0, -1), /search.sample: seed/],
      [() => search.sample({ units: [16, 32] } as never, 0), /space.units: expected a result of search/],
      [() => search.sample({ units: { ...search.choice([1]) } } as never, 0), /space.units: .* got a copy of one/],
      [() => search.sample([] as never, 0), /space: expected an object of hyper-parameters by name/],
    ]
    for (const [call, pattern] of calls) throws(call, 'ERR_ARGUMENT', pattern)
    throws(() => search.uniform({ low: 0, hihg: 1 } as never), 'ERR_UNKNOWN_NAME', /did you mean 'high'/)
  })

  it('have the types of what they are drawn from', () => {
    const trial = search.sample(space, 0)
    type Trial = typeof trial
    expectType<Equal<Trial['units'], number>>()
    expectType<Equal<Trial['activation'], 'relu' | 'tanh' | 'gelu'>>()
    expectType<Equal<Trial['optimizer']['learningRate'], number>>()
    assert.ok(trial)
  })
})
