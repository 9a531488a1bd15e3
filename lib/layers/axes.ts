/** Axes of a row. As in Keras, axis 0 is that of the rows, so the first axis of a row is 1 and the last is -1. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'
import type { PlanAlong } from '../native/plan.js'
import type { Shape } from './layer.js'

/** One axis or several, counted as in Keras: 1 is the first axis of a row, -1 the last. */
export type Axis = number | readonly number[]

/** Checks the form of an axis, before any shape is known. */
export function checkAxis(value: unknown, argument: string): Axis {
  const list = Array.isArray(value) ? value : [value]
  const valid = list.length > 0 && list.every((axis) => Number.isSafeInteger(axis) && axis !== 0)
  if (valid) return Array.isArray(value) ? Object.freeze([...list]) : (value as number)
  return refuse(argument, 'an axis of a row, such as -1, or a list of them', value)
}

/** The indices in a row's shape that `axis` stands for, in order. Throws `ERR_SHAPE` for an axis that the row does not have. */
export function placesOf(axis: Axis, shape: Shape, layer: string): readonly number[] {
  const places = (typeof axis === 'number' ? [axis] : axis).map((one) => (one > 0 ? one - 1 : shape.length + one))
  const valid = places.every((place, i) => place >= 0 && place < shape.length && places.indexOf(place) === i)
  if (valid) return places.sort((a, b) => a - b)
  const text = `layer '${layer}': expected different axes of rows of shape ${formatShape(shape)}`
  throw new NeurodeError(
    'ERR_SHAPE',
    `${text} (1 to ${shape.length}, or from -1 down), got ${[axis].flat().join(', ')}`,
  )
}

/** How the features of a row are grouped along axes; adjacent axes count as one. Throws `ERR_SHAPE` for axes that are not adjacent. */
export function alongAxes(axis: Axis, shape: Shape, layer: string): Required<PlanAlong> {
  const places = placesOf(axis, shape, layer)
  const first = places[0] as number
  const last = places.at(-1) as number
  if (last - first !== places.length - 1) {
    const text = `layer '${layer}': expected adjacent axes, got ${[axis].flat().join(', ')}`
    throw new NeurodeError('ERR_SHAPE', `${text}; layers.permute() can bring them together`)
  }
  const product = (sizes: Shape) => sizes.reduce((result, size) => result * size, 1)
  return { length: product(shape.slice(first, last + 1)), inner: product(shape.slice(last + 1)) }
}

/** Like {@link alongAxes}, for the Plan; undefined if the groups are whole rows. */
export function planAlong(axis: Axis, shape: Shape, layer: string): PlanAlong | undefined {
  const along = alongAxes(axis, shape, layer)
  const features = shape.reduce((result, size) => result * size, 1)
  return along.length === features ? undefined : along
}
