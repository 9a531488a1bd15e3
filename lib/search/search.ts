/** Hyper-parameters to try: where they are drawn from, and the values of a trial. */

import { guardArity } from '../checks/arity.js'
import { checkInteger, checkRecord, isPlain, refuse } from '../checks/validate.js'
import { choice, drawFrom, integer, logUniform, normal, type SearchDomain, uniform } from './domains.js'
import { drawOf } from './draw.js'

/** A value that is the same in all trials. */
export type FixedValue = number | string | boolean | bigint | null | undefined

/** Hyper-parameters by name: what each is drawn from, a fixed value, or further ones by name. */
export interface SearchSpace {
  readonly [name: string]: SearchDomain | FixedValue | SearchSpace
}

/** The values of a trial, by the names of its {@link SearchSpace}. */
export type Trial<S> = {
  -readonly [K in keyof S]: S[K] extends SearchDomain<infer T> ? T : S[K] extends SearchSpace ? Trial<S[K]> : S[K]
}

const expected = 'an object of hyper-parameters by name, such as { units: search.integer({ low: 8, high: 64 }) }'

/** Implements `search.sample`. */
function sample<const S extends SearchSpace>(space: S, index: number, seed?: number): Trial<S> {
  const trial = checkInteger(index, 'search.sample: index', 0)
  const key = checkInteger(seed ?? 0, 'search.sample: seed', 0)
  return sampleAt(space, 'space', [], (path) => drawOf(path, trial, key)) as Trial<S>
}

function sampleAt(
  space: unknown,
  argument: string,
  path: readonly string[],
  drawAt: (path: readonly string[]) => ReturnType<typeof drawOf>,
): object {
  if (path.length > mostLevels) refuse(argument, `at most ${mostLevels} levels of names`, space)
  const entries = Object.entries(checkRecord(space, argument, expected))
  return Object.fromEntries(
    entries.map(([name, value]) => {
      const at = `${argument}.${name.slice(0, 40)}`
      const inner = [...path, name]
      if (isFixed(value)) return [name, value]
      if (isDomain(value)) return [name, drawFrom(value, at, drawAt(inner))]
      return [
        name,
        isPlain(value)
          ? sampleAt(value, at, inner, drawAt)
          : refuse(at, 'a result of search.uniform, search.choice, …, or a fixed value', value),
      ]
    }),
  )
}

const mostLevels = 20

function isFixed(value: unknown): boolean {
  return value === null || !['object', 'function', 'symbol'].includes(typeof value)
}

function isDomain(value: unknown): boolean {
  return (value as { readonly kind?: unknown }).kind === 'domain'
}

/**
 * Draws hyper-parameters at random, for a search over them. The values of a trial depend on the space, the trial's index and the seed
 * alone: machines that divide the indices among them need not talk to each other, and any trial can be repeated. Each value depends on
 * its own name: a hyper-parameter more in the space changes no other.
 *
 * @example
 * ```ts
 * import { layers, optimizers, search, sequential } from 'neurode'
 *
 * const space = {
 *   units: search.integer({ low: 4, high: 64, log: true }),
 *   activation: search.choice(['relu', 'tanh']),
 *   learningRate: search.logUniform({ low: 1e-4, high: 1e-1 }),
 * }
 * let best = { loss: Infinity, index: -1 }
 * for (let index = 0; index < 5; index++) {
 *   const { units, activation, learningRate } = search.sample(space, index, 7)
 *   const model = sequential({
 *     layers: [layers.dense({ units, activation, inputShape: [1] }), layers.dense({ units: 1 })],
 *     seed: 1,
 *   }).compile({ optimizer: optimizers.adam({ learningRate }), loss: 'mse' })
 *   const { history } = await model.fit([[0], [1], [2]], [0, 1, 4], { epochs: 20, verbose: 0 })
 *   const loss = history.loss.at(-1) ?? Infinity
 *   if (loss < best.loss) best = { loss, index }
 * }
 * console.log(search.sample(space, best.index, 7), best.loss)
 * ```
 */
export const search = {
  /**
   * The values of a trial. `seed` tells searches apart; default 0. Throws `ERR_ARGUMENT` for an index or a seed that is no integer of at
   * least 0, and for a space that holds something else than results of these functions, fixed values and objects of them.
   */
  sample,
  /** Any number from `low` to `high`, all equally likely; with `step`, only `low`, `low + step` and so on. */
  uniform,
  /** A number from `low` to `high`, whose logarithm is uniform: for learning rates and strengths of penalties. */
  logUniform,
  /** A number of the normal distribution. */
  normal,
  /** A whole number from `low` to `high`, both included: for units and batches. */
  integer,
  /** One of the values, all equally likely. */
  choice,
} as const

guardArity(search, 'search')
