/** The importance of columns: by how much a score falls when the values of one column change places among the rows. */

import { setImmediate } from 'node:timers/promises'
import { NeurodeError } from '../base/errors.js'
import { randomSeed } from '../base/seeds.js'
import { checkInteger, checkSeed, checkSignal, refuse } from '../checks/validate.js'
import { shuffledOrder } from '../data/shuffledOrder.js'

/** Options of {@link permutationImportance}. */
export interface ShufflingOptions {
  /** How many times the values of each column are shuffled; default 5. */
  readonly repeats?: number | undefined
  /** Seed of the random orders; the same seed gives the same result. Default: random. */
  readonly seed?: number | undefined
  /** When it aborts, the call rejects with `ERR_ABORTED` before the next prediction. */
  readonly signal?: AbortSignal | undefined
}

/** How important a column is, see {@link permutationImportance}. */
export interface ColumnImportance {
  readonly name: string
  /** The mean of `decreases`: near 0 for a column that the model does not use. */
  readonly mean: number
  /** Their standard deviation, of which the divisor is their number. */
  readonly std: number
  /** By how much the score fell, for each repeat. */
  readonly decreases: readonly number[]
}

/** The result of {@link permutationImportance}. */
export interface PermutationImportance {
  /** The score of the rows as they are. */
  readonly score: number
  /** The columns, the most important first. */
  readonly columns: readonly ColumnImportance[]
  /** The decreases by the name of their column, in the same order: what `plot.importance` draws. */
  readonly byName: Readonly<Record<string, readonly number[]>>
}

/** What is measured: scores of rows as they are, and with a column in another order. */
export interface Scored {
  readonly names: readonly string[]
  readonly rows: number
  score(column?: number, order?: Uint32Array): Promise<unknown>
}

/** Reads options, shuffles each column in turn, and compares scores. */
export async function shuffleEach(scored: Scored, options: ShufflingOptions): Promise<PermutationImportance> {
  const argument = 'permutationImportance'
  const repeats = checkInteger(options.repeats ?? 5, `${argument}: repeats`)
  const seed = checkSeed(options.seed, `${argument}: seed`) ?? randomSeed()
  const signal = checkSignal(options.signal, `${argument}: signal`)
  const scoreOf = async (column?: number, order?: Uint32Array) => {
    // Models that are functions may never give others a turn, nor a signal the time to abort.
    await setImmediate()
    if (signal?.aborted) throw new NeurodeError('ERR_ABORTED', `${argument} was aborted`, { cause: signal.reason })
    const score = await scored.score(column, order)
    return typeof score === 'number' && Number.isFinite(score)
      ? score
      : refuse(`${argument}: score`, 'a function that gives a finite number', score)
  }
  const score = await scoreOf()
  const columns: ColumnImportance[] = []
  for (const [column, name] of scored.names.entries()) {
    const decreases: number[] = []
    for (let repeat = 0; repeat < repeats; repeat++) {
      decreases.push(score - (await scoreOf(column, shuffledOrder(scored.rows, seed, column * repeats + repeat))))
    }
    columns.push(describeColumn(name, decreases))
  }
  columns.sort((a, b) => b.mean - a.mean)
  return { score, columns, byName: Object.fromEntries(columns.map(({ name, decreases }) => [name, decreases])) }
}

function describeColumn(name: string, decreases: readonly number[]): ColumnImportance {
  const mean = decreases.reduce((sum, each) => sum + each, 0) / decreases.length
  const squares = decreases.reduce((sum, each) => sum + (each - mean) ** 2, 0)
  return { name, mean, std: Math.sqrt(squares / decreases.length), decreases }
}
