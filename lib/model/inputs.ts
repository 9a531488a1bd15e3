/** The shape of a model's input, learnt from the first data it sees. */

import { isNdArray, isNumericArray } from '../data/arrays.js'
import type { ModelCore } from './core.js'

/** Builds a model that does not know its input's shape yet, where the data tell it. */
export function buildFrom(core: ModelCore, x: unknown): void {
  core.checkAlive()
  if (core.shapes !== undefined) return
  const rowShape = shapeOf(x).slice(1)
  if (rowShape.length === 0) core.built()
  core.build(rowShape)
}

function shapeOf(x: unknown): readonly number[] {
  if (isNdArray(x)) return x.shape
  const shape: number[] = []
  for (let level: unknown = x; Array.isArray(level) || isNumericArray(level); level = level[0]) shape.push(level.length)
  return shape
}
