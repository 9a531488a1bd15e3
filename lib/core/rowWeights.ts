/** Weights of rows: sample weights, class weights, and rows that are left out. */

import { types } from 'node:util'
import { type ArrayInput, formatShape, rowShapeOf, type TargetRows, toInput } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkNumber, describe, isFloat, isPlain, refuse } from '../checks/validate.js'
import type { SymbolicTensor } from '../layers/layer.js'
import type { SampleWeights } from './outputTypes.js'

/** The weights of classes by their index, as an object or a `Map`; classes that are not listed have the weight 1. */
export type ClassWeight = Readonly<Record<number, number>> | ReadonlyMap<number, number>

/** Options for the weights of rows. */
export interface WeightOptions<Outputs = SymbolicTensor> {
  /**
   * A weight for each row, shape `[n]`. If outputs have several dimensions, also a weight for each position of a row: the shape of
   * the outputs without the last dimension. The weights apply to the loss and to `weightedMetrics`. Default: all weights are 1.
   *
   * For several outputs it is an array for all of them, or a list or a record with an array for each. A list of as many arrays as
   * there are outputs is one for each.
   */
  readonly sampleWeight?: SampleWeights<Outputs> | undefined
  /**
   * A weight for each class, such as `{ 0: 1, 1: 5 }`; classes that are not listed have the weight 1. The class of a row is its
   * class index, the index of its largest target or, with one output, its target rounded to an integer (halves to even), as in
   * Keras. If `sampleWeight` is given as well, both are multiplied. A class that the model does not have is an error.
   *
   * A model of several outputs takes none, as in Keras: give `sampleWeight`.
   *
   * `'balanced'`: as in scikit-learn, the weight is `rows / (classes · rows of the class)`, so that all classes in the data have the
   * same total weight; only for `fit` with targets in memory.
   */
  readonly classWeight?: (Outputs extends SymbolicTensor ? ClassWeight | 'balanced' : never) | undefined
}

/** Weights by class, after they were checked. */
export type ClassWeights = ReadonlyMap<number, number> | 'balanced'

/** Reads weights that the user passed, one for each of `rows` rows or of their positions. Throws `ERR_SHAPE` or `ERR_ARGUMENT`. */
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

/** Checks weights by class: an object, a `Map` or `'balanced'`. {@link checkClasses} checks whether the model has the classes. */
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

/** A property name as an integer, or unchanged if it is none. */
function classKey(key: string): number | string {
  return /^-?\d+$/.test(key) ? Number(key) : key
}

/** The classes that targets can have: the indices of the outputs or, with a single output, the integers of a range. */
export interface Classes {
  readonly outputs: number
  readonly range: readonly [lowest: number, highest: number]
}

/** The classes of targets for a model with `outputs` outputs and a loss whose targets have a range. */
export function classesOf(outputs: number, [low, high]: readonly [number, number] = [-Infinity, Infinity]): Classes {
  return { outputs, range: outputs > 1 ? [0, outputs - 1] : [low, high] }
}

/** Throws `ERR_ARGUMENT` for weights of classes that a model does not have. */
export function checkClasses(weights: ClassWeights | undefined, { range: [low, high] }: Classes): void {
  if (weights === undefined || weights === 'balanced') return
  for (const key of weights.keys()) {
    if (key >= low && key <= high) continue
    const expected = high === Infinity ? `classes of at least ${low}` : `classes from ${low} to ${high}`
    throw new NeurodeError('ERR_ARGUMENT', `classWeight: expected ${expected}, got class ${key}`)
  }
}

/** Computes the weights that `'balanced'` means for these targets; other weights are returned unchanged. */
export function balanceClasses(
  weights: ClassWeights,
  targets: TargetRows,
  { outputs }: Classes,
): ReadonlyMap<number, number> {
  return weights === 'balanced' ? balanced(classIndices(targets, outputs), targets.weights) : weights
}

/** Gives targets the product of row weights and class weights; without any they are returned unchanged. */
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
    const found = classIndices(targets, outputs)
    const byClass = classWeight === 'balanced' ? balanced(found, before) : classWeight
    for (let at = 0; at < count; at++) {
      weights[at] = (weights[at] as number) * (byClass.get(found[at] as number) ?? 1)
    }
  }
  return { ...targets, weights }
}

/** The class of every row of targets: the index of its first largest target, or its only target, rounded. */
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

/** Rounds as NumPy does: halves to the even integer. */
function roundToEven(value: number): number {
  const rounded = Math.round(value)
  return rounded - value === 0.5 && rounded % 2 !== 0 ? rounded - 1 : rounded
}

/** Weights that give all classes in the data the same total weight; rows that are left out of the loss do not count. */
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
