/** Weights of rows: those given, those of their classes, and rows that do not count. */

import { types } from 'node:util'
import { type ArrayInput, formatShape, rowShapeOf, type TargetRows, toInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkNumber, describe, isFloat, isPlain, refuse } from '../checks/validate.js'

/** The weight of every class by its index, as an object or a `Map`; 1 for those that are not there. */
export type ClassWeight = Readonly<Record<number, number>> | ReadonlyMap<number, number>

/** Where the weights of rows come from. */
export interface WeightOptions {
  /**
   * A weight for each row; or for each of its positions, where outputs have several dimensions: all but the last one. Weighs the
   * loss and the `weightedMetrics`.
   */
  readonly sampleWeight?: ArrayInput | undefined
  /**
   * A weight for each class, 1 for those that are not there: `{ 0: 1, 1: 5 }`. The class of a row is its index, its
   * largest target or, with one output, its target rounded to an integer (halves to the even one), as in Keras.
   * Multiplies `sampleWeight` where both are given. A class that the model does not have is refused.
   *
   * `'balanced'`: as scikit-learn means it, `rows / (classes · rows of the class)`, so that all classes that are there
   * weigh the same; for `fit` with targets in memory.
   */
  readonly classWeight?: ClassWeight | 'balanced' | undefined
}

/** Weights by class, checked. */
export type ClassWeights = ReadonlyMap<number, number> | 'balanced'

/** Weights from the user, one for each of `rows` rows, or of their positions. Throws `ERR_SHAPE` or `ERR_ARGUMENT`. */
export function readWeights(
  value: ArrayInput | null | undefined,
  rows: number,
  argument: string,
  positionShape: readonly number[] = [],
): Float32Array | undefined {
  if (value === undefined || value === null) return undefined
  const byPosition = positionShape.length > 0 && formatShape(rowShapeOf(value)) === formatShape(positionShape)
  const { data, scale, offset, rows: given } = toInput(value, byPosition ? positionShape : [1], argument)
  if (given !== rows)
    throw new NeurodeError('ERR_SHAPE', `${argument}: expected ${rows} weights, one a row, got ${given}`)
  const weights = new Float32Array(data.length)
  for (let i = 0; i < weights.length; i++) {
    const weight = (data[i] as number) * scale + offset
    weights[i] = checkNumber(weight, `${argument}[${i}]`)
  }
  return weights
}

/** Weights by class from an object, a `Map` or `'balanced'`; whether a model has the classes, {@link weighTargets} finds. */
export function checkClassWeight(value: unknown, argument: string): ClassWeights | undefined {
  if (value === undefined || value === 'balanced') return value
  if (!types.isMap(value) && !isPlain(value)) {
    return refuse(argument, "an object such as { 0: 1, 1: 5 }, a Map, or 'balanced'", value)
  }
  const entries: Iterable<readonly [unknown, unknown]> = types.isMap(value)
    ? value
    : Object.entries(value).map(([key, weight]) => [classKey(key), weight] as const)
  const weights = new Map<number, number>()
  for (const [key, weight] of entries) {
    if (!Number.isInteger(key) || !isFloat(weight)) {
      const got = `${typeof key === 'string' ? key : describe(key)}: ${describe(weight)}`
      throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected finite numbers by class index, got ${got}`)
    }
    weights.set(key as number, weight)
  }
  return weights
}

/** The integer that a property's name spells, or the name. */
function classKey(key: string): number | string {
  return /^-?\d+$/.test(key) ? Number(key) : key
}

/** Which classes the targets of a model have: its outputs, or with a single one integers in a range. */
export interface Classes {
  readonly outputs: number
  readonly range: readonly [lowest: number, highest: number]
}

/** The classes of a model's targets under a loss that is made for targets of a range. */
export function classesOf(outputs: number, [low, high]: readonly [number, number] = [-Infinity, Infinity]): Classes {
  return { outputs, range: outputs > 1 ? [0, outputs - 1] : [low, high] }
}

/** Refuses weights of classes that a model does not have. */
export function checkClasses(weights: ClassWeights | undefined, { range: [low, high] }: Classes): void {
  if (weights === undefined || weights === 'balanced') return
  for (const key of weights.keys()) {
    if (key >= low && key <= high) continue
    const expected = high === Infinity ? `classes of at least ${low}` : `classes from ${low} to ${high}`
    throw new NeurodeError('ERR_ARGUMENT', `classWeight: expected ${expected}, got class ${key}`)
  }
}

/** What `'balanced'` is for these targets; all else as it is. */
export function balanceClasses(
  weights: ClassWeights,
  targets: TargetRows,
  { outputs }: Classes,
): ReadonlyMap<number, number> {
  return weights === 'balanced' ? balanced(classIndices(targets, outputs), targets.weights) : weights
}

/** The targets with the product of all weights; unchanged where there are none. */
export function weighTargets(
  targets: TargetRows,
  classes: Classes,
  sampleWeight: Float32Array | undefined,
  classWeight: ClassWeights | undefined,
): TargetRows {
  if (sampleWeight === undefined && classWeight === undefined) return targets
  const { outputs } = classes
  const before = targets.weights
  const count = targets.kind === 'classes' ? targets.data.length : targets.data.length / outputs
  const each = count / (sampleWeight?.length ?? count)
  const weights = before?.slice() ?? new Float32Array(count).fill(1)
  if (sampleWeight !== undefined) {
    for (let at = 0; at < count; at++) {
      weights[at] = (weights[at] as number) * (sampleWeight[Math.floor(at / each)] as number)
    }
  }
  if (classWeight !== undefined) {
    checkClasses(classWeight, classes)
    const found = classIndices(targets, outputs)
    const byClass = classWeight === 'balanced' ? balanced(found, before) : classWeight
    for (let at = 0; at < count; at++) {
      weights[at] = (weights[at] as number) * (byClass.get(found[at] as number) ?? 1)
    }
  }
  return { ...targets, weights }
}

/** The class of every row of targets: the first largest, or the one target rounded. */
function classIndices({ kind, data }: TargetRows, outputs: number): Int32Array {
  if (kind === 'classes') return data
  const found = new Int32Array(data.length / outputs)
  for (let row = 0; row < found.length; row++) {
    const from = row * outputs
    if (outputs === 1) {
      found[row] = roundToEven(data[row] as number)
      continue
    }
    let best = 0
    for (let o = 1; o < outputs; o++) {
      if ((data[from + o] as number) > (data[from + best] as number)) best = o
    }
    found[row] = best
  }
  return found
}

/** As numpy rounds: halves to the even integer. */
function roundToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** Weights by which all classes that are there weigh the same; rows that do not count are left out. */
function balanced(found: Int32Array, weights: Float32Array | undefined): ReadonlyMap<number, number> {
  const counts = new Map<number, number>()
  let rows = 0
  for (let at = 0; at < found.length; at++) {
    if (Number.isNaN(weights?.[at])) continue
    const label = found[at] as number
    counts.set(label, (counts.get(label) ?? 0) + 1)
    rows++
  }
  return new Map([...counts].map(([label, count]) => [label, rows / (counts.size * count)]))
}
