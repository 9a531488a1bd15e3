/** Limits what a model makes of the numbers in its file: a small file must not fill memory. */

import type { NumericArray } from '../../arrays/arrays.js'
import type { Constant } from './constants.js'
import { problem } from './problem.js'
import { isConstant, type Value } from './terms.js'

/** Numbers that a model may make whatever its file holds, and how many times those of the file. */
const free = 2 ** 23
const times = 8

/** Counts numbers that are made of constants. */
export class Budget {
  readonly #seen: Set<NumericArray>
  readonly #most: number
  #made = 0
  #kept = 0

  /** Begins with the constants of the file. */
  constructor(given: Iterable<Constant>) {
    this.#seen = new Set(Array.from(given, ({ data }) => data))
    this.#most = [...this.#seen].reduce((sum, { length }) => sum + times * length, free)
  }

  /** Counts the arrays of a value that no value before has. Throws if all of them are too many. */
  count(value: Value): void {
    for (const data of arraysOf(value)) {
      if (this.#seen.has(data)) continue
      this.#seen.add(data)
      this.#made += data.length
    }
    if (this.#made > this.#most) problem('its constants would take too much memory')
  }

  /** Counts weights of layers, of which each layer has its own. Throws if all of them are too many. */
  countWeights(length: number): void {
    this.#kept += length
    if (this.#kept > this.#most) problem('the weights of its layers would take too much memory')
  }
}

function arraysOf(value: Value): readonly NumericArray[] {
  if (isConstant(value)) return [value.data]
  if (value.op === 'affine') return [value.affine.shift, value.affine.scale, value.affine.offset]
  if (value.op === 'dense') return [value.kernel.data, ...(value.bias === undefined ? [] : [value.bias.data])]
  return value.op === 'layer' ? value.weights.map(({ data }) => data) : []
}
