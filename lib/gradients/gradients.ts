/** Gradients of weights, by the names of the weights: read from native models, checked, and given back to them. */

import { elementCount, formatShape, type NdArray } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { newFloats } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { checkKeys, checkRecord } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import type { ModelShapes } from '../core/shapes.js'
import { toParameter } from '../core/weights.js'
import type { Layer, ParameterSpec } from '../layers/layer.js'
import { findNonFinite } from './finite.js'
import { type Sibling, siblingOfAll, siblingOfLoss } from './siblings.js'

/**
 * Gradients by the names of {@link Model.getWeights}, such as `dense/kernel`. Weights that no step changes are not among them: those of
 * frozen layers, statistics, and those on which no loss depends.
 */
export type Gradients = Readonly<Record<string, NdArray<Float32Array>>>

/** A weight with its place among the parameters of native models. */
export interface Place {
  readonly index: number
  readonly name: string
  readonly layer: Layer
  readonly parameter: ParameterSpec
}

const placesBy = new WeakMap<ModelShapes, readonly Place[]>()

/** The weights of a model, in the order of native models. */
export function placesOf(core: ModelCore): readonly Place[] {
  const shapes = core.built()
  const known = placesBy.get(shapes)
  if (known !== undefined) return known
  const weights = shapes.layers.flatMap(({ layer, name, parameters }) => {
    return parameters.map((parameter) => ({ name: `${name}/${parameter.name}`, layer, parameter }))
  })
  const places = weights.map((weight, index) => ({ ...weight, index }))
  placesBy.set(shapes, places)
  return places
}

const isStatistic = ({ parameter: { trainable = true } }: Place) => !trainable
const isTrained = (place: Place) => place.layer.trainable && !isStatistic(place)

/** The values that a step would give to statistics, by index, of one model. */
interface Moved {
  readonly core: ModelCore
  readonly values: ReadonlyMap<number, Float32Array>
}

const movedBy = new WeakMap<object, Moved>()

/** By parameter; undefined for those that a step does not change. */
export type GradientArrays = readonly (Float32Array | undefined)[]

/** Arrays from which gradients were copied to arrays of the caller, for the next pass. */
const sparesBy = new WeakMap<Place, Float32Array[]>()

/**
 * Arrays for the gradients of a pass, by parameter, and in training mode for the next values of statistics. Those of `into` are filled
 * at the end, from arrays that are used again.
 */
export function arraysOfGradients(
  core: ModelCore,
  { learns }: Sibling,
  training: boolean,
  into: ReadonlyMap<string, Float32Array>,
): GradientArrays {
  return placesOf(core).map((place) => {
    const isWanted = learns[place.index] || (training && isStatistic(place) && place.layer.trainable)
    if (!isWanted) return undefined
    const spare = into.has(place.name) ? sparesBy.get(place)?.pop() : undefined
    return spare ?? newFloats(elementCount(place.parameter.shape))
  })
}

/**
 * The record of the gradients in these arrays; those of `into` are copied there. In training mode, the record remembers how statistics
 * would move.
 */
export function gradientsOf(
  core: ModelCore,
  arrays: GradientArrays,
  training: boolean,
  into: ReadonlyMap<string, Float32Array>,
): Gradients {
  const entries: [string, NdArray<Float32Array>][] = []
  const moved = new Map<number, Float32Array>()
  for (const place of placesOf(core)) {
    const values = arrays[place.index]
    if (values === undefined) continue
    if (isStatistic(place)) {
      moved.set(place.index, values)
      continue
    }
    const own = into.get(place.name)
    if (own !== undefined) {
      own.set(values)
      sparesBy.set(place, [...(sparesBy.get(place) ?? []), values])
    }
    entries.push([place.name, new ShapedArray(own ?? values, place.parameter.shape)])
  }
  const gradients = Object.fromEntries(entries)
  if (training) movedBy.set(gradients, { core, values: moved })
  return gradients
}

/** Gradients that a caller gave, checked, by index. */
export interface GivenGradients {
  readonly values: ReadonlyMap<number, Float32Array>
  /** Whether there are gradients of weights on which no loss depends, so that the step changes all that are trained. */
  readonly ofAll: boolean
  /** How many of the values are not finite, and what the message about the first of them says. */
  readonly nonFinite: number
  readonly complaint: string
}

/** The native model that takes a step from such gradients. */
export function siblingOfStep(core: ModelCore, ofAll: boolean): Sibling {
  return ofAll ? siblingOfAll(core) : siblingOfLoss(core, { training: true, inputs: false })
}

/**
 * Checks a record of gradients; arrays are copied if `copies` is true. Throws `ERR_ARGUMENT`, `ERR_UNKNOWN_NAME`, `ERR_SHAPE` or
 * `ERR_DTYPE`.
 */
export function readGradients(core: ModelCore, given: unknown, copies: boolean): GivenGradients {
  const record = checkRecord(given, 'gradients', 'a record of gradients by the names of weights')
  const places = placesOf(core)
  checkKeys(
    record,
    places.map(({ name }) => name),
    'gradients: no weight',
  )
  const isGiven = ({ name }: Place) => Object.hasOwn(record, name) && record[name] !== undefined
  const ofLoss = siblingOfStep(core, false).learns
  const ofAll = places.some((place) => isTrained(place) && !ofLoss[place.index] && isGiven(place))
  const { learns } = siblingOfStep(core, ofAll)
  const values = new Map<number, Float32Array>()
  let [nonFinite, complaint] = [0, '']
  for (const place of places) {
    const { name, index } = place
    const argument = `gradients['${name}']`
    if (!learns[index]) {
      if (isGiven(place)) throw new NeurodeError('ERR_ARGUMENT', `${argument}: expected none, as ${whyNone(place)}`)
      continue
    }
    if (!isGiven(place)) {
      const text = `gradients: expected an array of shape ${formatShape(place.parameter.shape)} for '${name}', got none`
      throw new NeurodeError('ERR_ARGUMENT', `${text}; zeros leave it to decay and momentum`)
    }
    const read = toParameter(record[name], place.parameter, argument)
    const floats = copies ? read.slice() : read
    const { count, first } = findNonFinite(floats)
    if (count > 0) complaint ||= `${argument}: expected finite numbers, got ${floats[first]} as element ${first}`
    nonFinite += count
    values.set(index, floats)
  }
  return { values, ofAll, nonFinite, complaint }
}

/** Why no step changes a weight. */
export function whyNone(place: Place): string {
  if (isStatistic(place)) return 'it is a statistic, which the optimizer does not change'
  return place.layer.trainable ? 'no output depends on it' : 'its layer is frozen'
}

/**
 * What a native model takes a step from, by parameter: the gradients, and of statistics the values that the record remembers, if any.
 */
export function arraysOfStep(core: ModelCore, record: unknown, { values }: GivenGradients): GradientArrays {
  const moved = movedBy.get(record as object)
  return placesOf(core).map((place) => {
    if (!isStatistic(place)) return values.get(place.index)
    return moved?.core === core ? moved.values.get(place.index) : undefined
  })
}
