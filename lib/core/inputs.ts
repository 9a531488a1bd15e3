/** Reads the data arguments of fit, evaluate and predict, and builds a model from the shape of its data. */

import { type InputRows, isNdArray, rowShapeOf, takeInput } from '../arrays/arrays.js'
import { ownArray } from '../arrays/lentRows.js'
import { type NamedInput, sideBySide } from '../arrays/sideBySide.js'
import { NeurodeError } from '../base/errors.js'
import { describe, isPlain, refuse } from '../checks/validate.js'
import { isBatchSource } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'
import type { ModelCore } from './core.js'
import { inOrder } from './inOrder.js'

/** Targets and options of the arguments `(x, y, options)`, or `(batches, options)`, as batches contain their targets. */
export function targetsAndOptions<T>(x: unknown, y: unknown, options: T | undefined): [unknown, T | undefined] {
  if (!isBatchSource(x)) return [y, options]
  const isData = isNdArray(y) || isBatchSource(y) || ArrayBuffer.isView(y) || Array.isArray(y) || y instanceof RowSource
  if (!isData) {
    if (y !== undefined && y !== null && options !== undefined && options !== null) {
      refuse('options', 'them once, after the batches', options)
    }
    return [undefined, options ?? (y as T | undefined)]
  }
  const text = `y: expected no targets beside batches, which have their own: { x, y }, got ${describe(y)}`
  throw new NeurodeError('ERR_ARGUMENT', `${text}; x is ${describe(x)}: if it holds rows, make an array of it, [...x]`)
}

/** Builds a model whose input shape is not known yet from the shape of the data. */
export function buildFrom(core: ModelCore, x: unknown): void {
  core.checkAlive()
  if (core.shapes !== undefined) return
  const rowShape = rowShapeOf(x)
  if (rowShape.length === 0) core.built()
  core.build(rowShape)
}

/**
 * Reads the rows of a model's input. The arrays of several inputs, in a list or by name, are put side by side; an array with a shape
 * and a typed array are such rows already.
 */
export function takeRowsOf(core: ModelCore, x: unknown, argument: string): InputRows {
  const { inputs, inputShape } = core.built()
  const values = valuesOf(core, x, argument)
  if (values === undefined) return takeInput(x, inputShape, argument)
  return values.length === 1 ? takeInput(values[0], inputShape, argument) : sideBySide(values, inputs, argument)
}

/** The data of each input; undefined for rows that are those of the whole input. */
function valuesOf(core: ModelCore, x: unknown, argument: string): readonly unknown[] | undefined {
  if (core.stack.graph === undefined || isNdArray(x)) return undefined
  return severalValues(core.built().inputs, x, argument)
}

/** The values of a record by name, or of a list, for inputs; undefined for anything else. */
export function severalValues(
  inputs: readonly NamedInput[],
  x: unknown,
  argument: string,
): readonly unknown[] | undefined {
  const names = inputs.map(({ name }) => name)
  if (isPlain(x)) return inOrder(names, x, argument)
  if (!Array.isArray(x)) return undefined
  // A list of one may be a row, unless an array with a shape is in it.
  if (inputs.length === 1) return x.length === 1 && isNdArray(x[0]) ? x : undefined
  if (x.length === inputs.length) return x
  const text = `${argument}: expected a list of ${inputs.length} arrays, for the inputs ${names.join(', ')}`
  throw new NeurodeError('ERR_SHAPE', `${text}, got a list of ${x.length}`)
}

/** Copies of the arrays that the data of a model consist of, for a call that reads them after the caller may have changed them. */
export function ownData(core: ModelCore, x: unknown, argument: string): unknown {
  const values = core.shapes === undefined ? undefined : valuesOf(core, x, argument)
  if (values === undefined) return ownArray(x, argument)
  const own = values.map((value, i) => ownArray(value, `${argument}.${core.built().inputs[i]?.name}`))
  return own.length === 1 ? own[0] : own
}
