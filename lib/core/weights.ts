/** Checks weights that users pass and converts them to float32 before any weight of the model is changed. */

import { type ArrayInput, formatShape, isNdArray, toInput } from '../arrays/arrays.js'
import { toFloats } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'
import type { ParameterSpec } from '../layers/layer.js'

/** Converts values to one float32 array per parameter, in order. Throws `ERR_SHAPE`, `ERR_DTYPE` or `ERR_ARGUMENT`. */
export function toParameters(
  values: readonly ArrayInput[],
  parameters: readonly ParameterSpec[],
  argument: string,
): Float32Array[] {
  if (!Array.isArray(values)) refuse(argument, `a list of ${parameters.length} arrays`, values)
  if (values.length !== parameters.length) {
    const names = parameters.map(({ name, shape }) => `${name} ${formatShape(shape)}`).join(', ')
    const expected = `${argument}: expected ${parameters.length} arrays (${names || 'none'})`
    throw new NeurodeError('ERR_SHAPE', `${expected}, got ${values.length}`)
  }
  return parameters.map((parameter, i) => toParameter(values[i], parameter, `${argument}[${i}] (${parameter.name})`))
}

/** Throws `ERR_ARGUMENT` if all weights have names of this model's parameters but are in another order. */
export function checkOrder(values: readonly unknown[], parameters: readonly ParameterSpec[]): void {
  const names = values.map((value) => (isNdArray(value) && 'name' in value ? value.name : undefined))
  const places = parameters.map(({ name }) => names.indexOf(name))
  if (places.includes(-1)) return
  const wrong = places.findIndex((place, i) => place !== i)
  if (wrong >= 0)
    refuse(`weights[${wrong}]`, `'${parameters[wrong]?.name}', in the order of getWeights()`, names[wrong])
}

/** Converts the value of one parameter to float32. Throws `ERR_SHAPE`, `ERR_DTYPE` or `ERR_ARGUMENT`. */
export function toParameter(value: unknown, { shape }: ParameterSpec, argument: string): Float32Array {
  if (isNdArray(value) && formatShape(value.shape) !== formatShape(shape)) {
    const text = `${argument}: expected shape ${formatShape(shape)}`
    throw new NeurodeError('ERR_SHAPE', `${text}, got ${formatShape(value.shape)}`)
  }
  const [first, ...rest] = shape as readonly [number, ...number[]]
  const { data, scale, offset, rows } = toInput(value, rest, argument)
  if (rows !== first) {
    const got = formatShape([rows, ...rest])
    throw new NeurodeError('ERR_SHAPE', `${argument}: expected shape ${formatShape(shape)}, got ${got}`)
  }
  return toFloats(data, scale, offset)
}
