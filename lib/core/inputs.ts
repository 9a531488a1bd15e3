/** What calls are given as data: targets or none beside it, and the shape of a model's input learnt from it. */

import { isNdArray, rowShapeOf } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { describe, refuse } from '../checks/validate.js'
import { isBatchSource } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'
import type { ModelCore } from './core.js'

/** Targets and options of `(x, y, options)`, or of `(batches, options)`: batches come with their targets. */
export function targetsAndOptions<T>(x: unknown, y: unknown, options: T | undefined): [unknown, T | undefined] {
  if (!isBatchSource(x)) return [y, options]
  const isData = isNdArray(y) || isBatchSource(y) || ArrayBuffer.isView(y) || Array.isArray(y) || y instanceof RowSource
  if (!isData) {
    if (y !== undefined && y !== null && options !== undefined && options !== null) {
      refuse('options', 'them once, behind the batches', options)
    }
    return [undefined, options ?? (y as T | undefined)]
  }
  const text = `y: expected no targets beside batches, which have their own: { x, y }, got ${describe(y)}`
  throw new NeurodeError('ERR_ARGUMENT', `${text}; x is ${describe(x)}: if it holds rows, make an array of it, [...x]`)
}

/** Builds a model that does not know its input's shape yet, where the data tell it. */
export function buildFrom(core: ModelCore, x: unknown): void {
  core.checkAlive()
  if (core.shapes !== undefined) return
  const rowShape = rowShapeOf(x)
  if (rowShape.length === 0) core.built()
  core.build(rowShape)
}
