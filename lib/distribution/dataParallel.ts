/** How a training is divided: what the option `distribution` of compile takes. */

import { NeurodeError } from '../base/errors.js'
import { checkMade, sealed } from '../checks/made.js'
import { checkDouble, checkInteger, checkOptions, longestMilliseconds, refuse } from '../checks/validate.js'
import type { PlanParts } from '../native/plan.js'

/** Options of {@link distribution.dataParallel}. */
export interface DataParallelOptions {
  /**
   * Into how many parts each batch is cut: a power of two, at most 1024. The gradients of the parts are added in an order that depends
   * on nothing else, so weights have the same bits for any number of processes that divides `parts`. Default: one part for each process.
   */
  readonly parts?: number | undefined
  /** How many seconds a process waits for the others before it gives up; above 0, default 600. */
  readonly timeoutSeconds?: number | undefined
  /**
   * What each process gives where `fit` or `evaluate` gets batches: with `replicated`, the same whole batches; with `sharded`, its own
   * rows of each batch. The rows of all, in the order of the ranks, are the batch; each has `rows / size` of them, up to one more or less:
   * of 101 rows, the first of 2 processes gives 50. An epoch ends for all once the batches of one process end, and what others have
   * left is not used. Rows of arrays and files are always the same for all. Default `replicated`.
   */
  readonly data?: DataOfRanks | undefined
}

/** What each process gives of a batch, see {@link DataParallelOptions.data}. */
export type DataOfRanks = 'replicated' | 'sharded'

/** How the batches of a training are divided, see {@link distribution.dataParallel}. */
export interface DataParallel {
  readonly kind: 'dataParallel'
  /** The number of parts; undefined: one for each process. */
  readonly parts: number | undefined
  readonly timeoutSeconds: number
  readonly data: DataOfRanks
}

export const mostParts = 1024
const mostSeconds = Math.floor(longestMilliseconds / 1000)

/** See {@link distribution.dataParallel}. */
export function dataParallel(options?: DataParallelOptions): DataParallel {
  const argument = 'distribution.dataParallel'
  const { parts, timeoutSeconds = 600, data } = checkOptions(options, ['parts', 'timeoutSeconds', 'data'], argument)
  const seconds = checkDouble(timeoutSeconds, `${argument}: timeoutSeconds`, Number.MIN_VALUE, mostSeconds)
  return sealed({
    kind: 'dataParallel',
    parts: parts === undefined ? undefined : checkParts(parts, `${argument}: parts`),
    timeoutSeconds: seconds,
    data: checkData(data ?? 'replicated', `${argument}: data`),
  })
}

/** Checks the option `distribution` of compile. */
export function toDataParallel(value: unknown, argument: string): DataParallel | undefined {
  if (value === undefined) return undefined
  return checkMade<DataParallel>(value, 'dataParallel', argument, 'distribution.dataParallel()')
}

function checkData(value: unknown, argument: string): DataOfRanks {
  return value === 'replicated' || value === 'sharded' ? value : refuse(argument, "'replicated' or 'sharded'", value)
}

function checkParts(value: unknown, argument: string): number {
  const parts = checkInteger(value, argument, 1, mostParts)
  return isPowerOfTwo(parts) ? parts : refuse(argument, 'a power of two', value)
}

const isPowerOfTwo = (value: number) => Number.isInteger(Math.log2(value))

/**
 * The parts of each batch that one of `size` processes computes; undefined where a batch is not cut. Throws `ERR_ARGUMENT` unless the
 * processes can have equally many parts.
 */
export function partsOf({ parts }: DataParallel, rank: number, size: number): PlanParts | undefined {
  const count = parts ?? size
  if (!isPowerOfTwo(count) || count % size !== 0) {
    const expected = `distribution: expected a number of processes that divides ${parts ?? 'a power of two'}`
    throw new NeurodeError('ERR_ARGUMENT', `${expected}${parts === undefined ? '' : ' parts'}, got ${size}`)
  }
  const mine = count / size
  return count === 1 ? undefined : { count, first: rank * mine, mine }
}
