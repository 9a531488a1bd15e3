/** Which rows of the caller's data rows of a range are, and the targets that native code does not have. */

import type { GivenTargets } from '../arrays/arrays.js'
import { shuffledOrder } from '../data/shuffledOrder.js'
import type { CapturedRows } from '../training/captured.js'
import type { EpochOrder, RowNames } from './feedRange.js'

const inOrder: EpochOrder = { shuffle: false, seed: 0, epoch: 0 }

/** The names of rows that are bound to a native model. */
export class BoundNames implements RowNames {
  readonly #targets: GivenTargets
  readonly #indexOf: ((row: number) => number) | undefined
  #order: { readonly of: EpochOrder; readonly rows: Uint32Array } | undefined

  /** `indexOf` gives the index of a bound row in the caller's data; undefined if rows have none, as in a stream. */
  constructor(targets: GivenTargets, indexOf: ((row: number) => number) | undefined) {
    this.#targets = targets
    this.#indexOf = indexOf
  }

  /** The order of a shuffled epoch is drawn when it is first asked for. */
  from(place: number, order: EpochOrder = inOrder): CapturedRows {
    const { rows, raw = [] } = this.#targets
    const indexOf = this.#indexOf
    const rowAt = (row: number) => (order.shuffle ? (this.#shuffled(order)[place + row] as number) : place + row)
    return {
      indexAt: indexOf && ((row) => indexOf(rowAt(row))),
      targetsOf: (output) => raw[output] && { data: raw[output], rows, rowAt },
    }
  }

  #shuffled({ shuffle, seed, epoch }: EpochOrder): Uint32Array {
    const { of, rows } = this.#order ?? {}
    if (rows !== undefined && of?.seed === seed && of.epoch === epoch) return rows
    const drawn = shuffledOrder(this.#targets.rows, seed, epoch)
    this.#order = { of: { shuffle, seed, epoch }, rows: drawn }
    return drawn
  }
}

/** The index of a row in rows that are bound as they were given. */
export const asGiven = (row: number): number => row
