/** Reads the data arguments of fit, evaluate and predict, and builds a model from the shape of its data. */

import { isNdArray, rowShapeOf } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { describe, refuse } from '../checks/validate.js'
import { isBatchSource } from '../data/batches.js'
import { RowSource } from '../data/rowSource.js'
import type { ModelCore } from './core.js'

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
