/** The shape of a model's input, learnt from the first data it sees. */

import { rowShapeOf } from '../data/arrays.js'
import type { ModelCore } from './core.js'

/** Builds a model that does not know its input's shape yet, where the data tell it. */
export function buildFrom(core: ModelCore, x: unknown): void {
  core.checkAlive()
  if (core.shapes !== undefined) return
  const rowShape = rowShapeOf(x)
  if (rowShape.length === 0) core.built()
  core.build(rowShape)
}
