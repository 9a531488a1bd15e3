/** Outputs of a pass, and gradients of outputs that callers give. */

import { formatShape, type GivenTargets, type NdArray, takeInput } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { toFloats } from '../arrays/typedArrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'
import type { ModelCore } from '../core/core.js'
import { type ByOutput, byOutput, forOutputs } from '../core/heads.js'
import type { ModelHead } from '../core/shapes.js'
import { stride } from '../feeds/captures.js'
import { findNonFinite } from './finite.js'

/** The outputs of captured rows, in the form in which the model's outputs were given. */
export function capturedOutputs(core: ModelCore, captured: Float32Array): ByOutput<NdArray<Float32Array>> {
  const each = stride(core)
  const rows = captured.length / each
  let begin = 0
  const arrays = core.built().heads.map(({ shape, positions, outputs, size }) => {
    const own = new Float32Array(rows * size)
    let to = 0
    for (let row = begin; row < captured.length; row += each) {
      for (let position = 0; position < positions; position++, to += outputs) {
        const from = row + position * (2 * outputs + 1)
        own.set(captured.subarray(from, from + outputs), to)
      }
    }
    begin += positions * (2 * outputs + 1)
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
  const parts: [unknown, string][] = outputForm === 'single' ? [[given, argument]] : forOutputs(heads, given, argument)
  const all = new Float32Array(rows * outputSize)
  for (const [i, [value, at]] of parts.entries()) {
    if (value === null) continue
    const { begin, size } = heads[i] as ModelHead
    const own = readOne(value, heads[i] as ModelHead, rows, at)
    for (let row = 0; row < rows; row++) all.set(own.subarray(row * size, (row + 1) * size), row * outputSize + begin)
  }
  return all
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
