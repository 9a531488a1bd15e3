/** Outputs of a pass, and gradients of outputs that callers give. */

import { formatShape, type GivenTargets, isNdArray, type NdArray, takeInput } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { toFloats } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { isPlain, refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { type ByOutput, byOutput } from '../core/heads.js'
import { type OfOutput, ofOutputs } from '../core/ofOutputs.js'
import type { ModelHead } from '../core/shapes.js'
import { stride } from '../feeds/captures.js'
import { copyColumns } from './columns.js'
import { findNonFinite } from './finite.js'

/** The outputs of captured rows, in the form in which the model's outputs were given; in arrays of `into`, or in new ones. */
export function capturedOutputs(
  core: ModelCore,
  captured: Float32Array,
  into: readonly (Float32Array | undefined)[] = [],
): ByOutput<NdArray<Float32Array>> {
  const each = stride(core)
  const rows = captured.length / each
  let begin = 0
  const arrays = core.built().heads.map(({ shape, positions, outputs, size }, i) => {
    const own = into[i] ?? new Float32Array(rows * size)
    for (let position = 0; position < positions; position++, begin += 2 * outputs + 1) {
      const from = { data: captured, stride: each, begin }
      copyColumns(from, { data: own, stride: size, begin: position * outputs }, outputs)
    }
    return new ShapedArray(own, [rows, ...shape])
  })
  return byOutput(core.built(), arrays)
}

/**
 * Reads gradients of the outputs: for the only one, or in a list or a record with null for an output whose gradient is 0. Those of
 * several lie side by side in the result. Throws `ERR_ARGUMENT`, `ERR_SHAPE`, `ERR_DTYPE` or `ERR_UNKNOWN_NAME`.
 */
export function readOutputGradients(core: ModelCore, given: unknown, rows: number, argument: string): Float32Array {
  const { heads, outputForm, outputSize } = core.built()
  if (given === undefined || given === null) refuse(argument, 'gradients of the outputs', given)
  const all = new Float32Array(rows * outputSize)
  const parts = outputForm === 'single' ? [{ value: given, argument }] : valuesOf(heads, given, argument)
  for (const [i, { value, argument: at }] of parts.entries()) {
    if (value === null) continue
    if (value === undefined) refuse(at, 'gradients of the output, or null for 0', value)
    const { begin, size } = heads[i] as ModelHead
    const own = readOne(value, heads[i] as ModelHead, rows, at)
    copyColumns({ data: own, stride: size, begin: 0 }, { data: all, stride: outputSize, begin }, size)
  }
  return all
}

export function valuesOf(heads: readonly ModelHead[], given: unknown, argument: string): OfOutput[] {
  const names = heads.map(({ name }) => name)
  if ((isPlain(given) && !isNdArray(given)) || Array.isArray(given))
    return ofOutputs(names, given, argument, 'ERR_SHAPE')
  return refuse(argument, `a list or a record for the outputs ${names.join(', ')}`, given)
}

function readOne(value: unknown, { shape }: ModelHead, rows: number, argument: string): Float32Array {
  const { data, scale, offset, rows: given } = takeInput(value, shape, argument)
  if (given !== rows) {
    const text = `${argument}: expected shape ${formatShape([rows, ...shape])}, as the output has`
    throw new NeurodeError('ERR_SHAPE', `${text}, got ${given} rows`)
  }
  const floats = toFloats(data, scale, offset, argument)
  const { first } = findNonFinite(floats)
  return first < 0 ? floats : refuse(`${argument}: element ${first}`, 'a finite number', floats[first])
}

/** Targets of rows of which none is read, as gradients of the outputs are given. */
export function noTargets(core: ModelCore, rows: number): GivenTargets {
  const { heads, outputSize } = core.built()
  const data = new Float32Array(rows * outputSize)
  if (heads.length === 1) return { kind: 'rows', data, rows, lent: false }
  return { kind: 'heads', data, classes: heads.map(() => false), weights: undefined, rows, lent: false }
}
