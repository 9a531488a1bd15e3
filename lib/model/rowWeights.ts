/** Weights of rows: those given, those of their classes, and rows that do not count. */

import { type ArrayInput, formatShape, rowShapeOf, type TargetRows, toInput } from '../data/arrays.js'
import { NeurodeError } from '../errors.js'
import { describe, refuse } from '../validate.js'

/** The weight of every class by its index; 1 for those that are not there. */
export type ClassWeight = Readonly<Record<number, number>>

/** Where the weights of rows come from. */
export interface WeightOptions {
  /**
   * A weight for each row; or for each of its positions, where outputs have several dimensions: all but the last one. Weighs the
   * loss and the `weightedMetrics`.
   */
  readonly sampleWeight?: ArrayInput | undefined
  /**
   * A weight for each class, 1 for those that are not there: `{ 0: 1, 1: 5 }`. The class of a row is its index, its
   * largest target or, with one output, its target. Multiplies `sampleWeight` where both are given.
   */
  readonly classWeight?: ClassWeight | undefined
}

/** Weights from the user, one for each of `rows` rows, or of their positions. Throws `ERR_SHAPE` or `ERR_ARGUMENT`. */
export function readWeights(
  value: ArrayInput | undefined,
  rows: number,
  argument: string,
  positionShape: readonly number[] = [],
): Float32Array | undefined {
  if (value === undefined) return undefined
  const byPosition = positionShape.length > 0 && formatShape(rowShapeOf(value)) === formatShape(positionShape)
  const { data, scale, offset, rows: given } = toInput(value, byPosition ? positionShape : [1], argument)
  if (given !== rows)
    throw new NeurodeError('ERR_SHAPE', `${argument}: expected ${rows} weights, one a row, got ${given}`)
  const weights = Float32Array.from(data, (weight) => weight * scale + offset)
  const bad = weights.findIndex((weight) => !Number.isFinite(weight))
  if (bad >= 0) refuse(`${argument}[${bad}]`, 'a finite number', weights[bad])
  return weights
}

export function checkClassWeight(value: unknown, argument: string): ClassWeight | undefined {
  if (value === undefined) return undefined
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    return refuse(argument, 'an object such as { 0: 1, 1: 5 }', value)
  }
  for (const [key, weight] of Object.entries(value)) {
    const isClass = /^\d+$/.test(key)
    if (!isClass || typeof weight !== 'number' || !Number.isFinite(weight)) {
      throw new NeurodeError(
        'ERR_ARGUMENT',
        `${argument}: expected finite numbers by class index, got ${key}: ${describe(weight)}`,
      )
    }
  }
  return value as ClassWeight
}

/** The targets with the product of all weights; unchanged where there are none. */
export function weighTargets(
  targets: TargetRows,
  outputs: number,
  sampleWeight: Float32Array | undefined,
  classWeight: ClassWeight | undefined,
): TargetRows {
  if (sampleWeight === undefined && classWeight === undefined) return targets
  const before = targets.weights
  const count = targets.kind === 'classes' ? targets.data.length : targets.data.length / outputs
  const each = count / (sampleWeight?.length ?? count)
  const weights = Float32Array.from({ length: count }, (_, at) => {
    const own = (before?.[at] ?? 1) * (sampleWeight?.[Math.floor(at / each)] ?? 1)
    return classWeight === undefined ? own : own * (classWeight[classOf(targets, outputs, at)] ?? 1)
  })
  return { ...targets, weights }
}

function classOf(targets: TargetRows, outputs: number, row: number): number {
  if (targets.kind === 'classes') return targets.data[row] as number
  const values = targets.data.subarray(row * outputs, (row + 1) * outputs)
  if (outputs === 1) return Math.trunc(values[0] as number)
  return values.indexOf(values.reduce((a, b) => Math.max(a, b), -Infinity))
}
