/** Values and arrays for the outputs of a model, in the form in which the outputs were given. */

import { elementCount, formatShape, type NdArray } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { checkFloats, checkPresent } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { isPlain, refuse } from '../checks/validate.js'
import { ofOutputs } from './ofOutputs.js'
import type { ModelHead, OutputForm } from './shapes.js'

/** Where an output lies in a row of all outputs. */
export type HeadColumns = Pick<ModelHead, 'name' | 'shape' | 'size' | 'begin'>

type NamedShape = Pick<ModelHead, 'name' | 'shape'>

/** The outputs of a model, and how they are given. */
export interface OutputLayout {
  readonly heads: readonly HeadColumns[]
  readonly outputForm: OutputForm
  /** Numbers in a row of all outputs. */
  readonly outputSize: number
}

/** The layout of outputs that lie side by side. */
export function layoutOutputs(outputs: readonly NamedShape[], outputForm: OutputForm): OutputLayout {
  let outputSize = 0
  const heads = outputs.map(({ name, shape }) => {
    const head = { name, shape, size: elementCount(shape), begin: outputSize }
    outputSize += head.size
    return head
  })
  return { heads, outputForm, outputSize }
}

/** A value for the only output; for several a list, or a record by name. */
export type ByOutput<T> = T | readonly T[] | Readonly<Record<string, T>>

/** Gives values in the order of the outputs the form in which the outputs were given. */
export function byOutput<T>(
  { heads, outputForm }: Pick<OutputLayout, 'heads' | 'outputForm'>,
  values: readonly T[],
): ByOutput<T> {
  if (outputForm === 'single') return values[0] as T
  return outputForm === 'list' ? values : Object.fromEntries(heads.map(({ name }, i) => [name, values[i] as T]))
}

/** Checks an array that rows of an output are to be written into. */
export function checkOut(out: unknown, rows: number, { shape }: HeadColumns, argument = 'out'): Float32Array {
  return checkInto(out, [rows, ...shape], argument)
}

/** Checks an array that a result of some shape is to be written into. Throws `ERR_DTYPE`, `ERR_SHAPE` or `ERR_DATA_DETACHED`. */
export function checkInto(out: unknown, shape: readonly number[], argument: string): Float32Array {
  checkFloats(out, argument)
  const count = elementCount(shape)
  if (out.length === count) return out
  const expected = `${count} elements for shape ${formatShape(shape)}`
  throw new NeurodeError('ERR_SHAPE', `${argument}: expected ${expected}, got ${out.length}`)
}

/** Arrays for rows of several outputs: the caller's, after checks, or new ones. */
export class HeadArrays {
  readonly #layout: OutputLayout
  readonly #rows: number
  readonly #arrays: readonly (readonly [array: Float32Array, argument: string])[]

  constructor(layout: OutputLayout, rows: number, out: unknown) {
    const { heads } = layout
    const names = heads.map(({ name }) => name)
    if (out !== undefined && !isPlain(out) && !Array.isArray(out)) {
      refuse('out', `a list or a record for the outputs ${names.join(', ')}`, out)
    }
    const given = out === undefined ? undefined : ofOutputs(names, out, 'out', 'ERR_SHAPE')
    this.#layout = layout
    this.#rows = rows
    this.#arrays = heads.map((head, i) => {
      const { value, argument } = given?.[i] ?? { value: new Float32Array(rows * head.size), argument: 'out' }
      return [checkOut(value, rows, head, argument), argument]
    })
  }

  /** Copies rows of all outputs to row `first` and those behind it. Throws `ERR_DATA_DETACHED`. */
  write(all: Float32Array, first: number): void {
    const { heads, outputSize } = this.#layout
    for (const [i, [array, argument]] of this.#arrays.entries()) {
      const { begin, size } = heads[i] as HeadColumns
      checkPresent(array, argument, Math.max(array.length, this.#rows * size))
      let to = first * size
      for (let from = begin; from < all.length; from += outputSize) {
        for (let column = 0; column < size; column++) array[to++] = all[from + column] as number
      }
    }
  }

  get plain(): ByOutput<Float32Array> {
    const arrays = this.#arrays.map(([array]) => array)
    return byOutput(this.#layout, arrays)
  }

  get shaped(): ByOutput<NdArray<Float32Array>> {
    const { heads } = this.#layout
    const shaped = heads.map(({ shape }, i) => {
      return new ShapedArray(this.#arrays[i]?.[0] as Float32Array, [this.#rows, ...shape])
    })
    return byOutput(this.#layout, shaped)
  }
}
