/** Names and shapes of the tensors in requests and responses. */

import { elementCount } from '../../arrays/arrays.js'
import { checkInteger, checkName, checkRecord, checkRowShape, refuse } from '../../checks/validate.js'
import type { Shape } from '../../layers/layer.js'
import type { NativeTensorReader } from '../../native/addon.js'
import { native } from '../../native/native.js'

/** One of several tensors of a model. */
export interface NamedTensor {
  readonly name: string
  /** Shape of one row. */
  readonly shape: Shape
}

/** Names and shapes of the tensors in a model's requests and responses. */
export interface TensorSpec {
  /** Name of the input tensor. Default `input`. */
  readonly inputName?: string | undefined
  /** Name of the output tensor. Default `output`. */
  readonly outputName?: string | undefined
  /** Shape of one row of input. Requests may also give each row as a flat list. */
  readonly inputShape: Shape
  /** Shape of one row of output. */
  readonly outputShape: Shape
  /** Several inputs, instead of `inputName`. Their rows lie side by side, so `inputShape` is the number of values of all of them. */
  readonly inputs?: readonly NamedTensor[] | undefined
  /** Several outputs, instead of `outputName`. Their rows lie side by side, as those of inputs do. */
  readonly outputs?: readonly NamedTensor[] | undefined
  /** The largest number of rows in one request, a positive integer. Default 4096. */
  readonly maxRows?: number | undefined
  /** @internal Another name of the only input, which requests may use. */
  readonly inputAlias?: string | undefined
  /** @internal The name of the option that sets maxRows, for messages. Default `maxRows`. */
  readonly limitName?: string | undefined
}

/** A tensor, and the place of its values in a row of all inputs or outputs. */
export interface PlacedTensor extends NamedTensor {
  readonly alias?: string | undefined
  readonly begin: number
  readonly size: number
}

/** An output, and what a response always says of it. */
export interface OutputTensor extends PlacedTensor {
  readonly nameText: string
  readonly headText: string
  readonly shapeText: string
}

/** Values that are computed once for each spec. */
export interface CompiledSpec {
  readonly reader: NativeTensorReader
  /** Results of the last request that was read, see native/addon/tensors.cc. */
  readonly report: Float64Array
  readonly inputs: readonly PlacedTensor[]
  readonly outputs: readonly OutputTensor[]
  readonly inputSize: number
  readonly outputSize: number
  readonly mostValues: number
}

/** The default of maxRows. */
export const defaultMaxRows = 4096
const compiledSpecs = new WeakMap<TensorSpec, CompiledSpec>()

export function compileSpec(spec: TensorSpec): CompiledSpec {
  const known = compiledSpecs.get(spec)
  if (known !== undefined) return known
  if (typeof spec !== 'object' || spec === null) refuse('spec', '{ inputShape, outputShape }', spec)
  const inputs = tensorsOf(spec, 'input')
  const outputs = tensorsOf(spec, 'output')
  if (spec.outputShape.length === 0) refuse('outputShape', 'one dimension at least', spec.outputShape)
  const maxRows = checkInteger(spec.maxRows ?? defaultMaxRows, 'maxRows')
  const inputSize = elementCount(spec.inputShape)
  const report = new Float64Array(2 + 2 * inputs.length + outputs.length)
  const { TensorReader } = native()
  const compiled: CompiledSpec = {
    reader: new TensorReader({ inputs, outputs, maxRows, limitName: spec.limitName ?? 'maxRows' }, report),
    report,
    inputs,
    outputs: outputs.map((tensor) => {
      const nameText = JSON.stringify(tensor.name)
      const shapeText = tensor.shape.map((size) => `,${size}`).join('')
      return { ...tensor, nameText, headText: `{"name":${nameText},"datatype":"FP32",`, shapeText }
    }),
    inputSize,
    outputSize: elementCount(spec.outputShape),
    mostValues: maxRows * inputSize,
  }
  compiledSpecs.set(spec, compiled)
  return compiled
}

function tensorsOf(spec: TensorSpec, kind: 'input' | 'output'): PlacedTensor[] {
  const shape = checkRowShape(spec[`${kind}Shape`], `${kind}Shape`)
  const several = spec[`${kind}s`]
  if (several === undefined) {
    const name = checkName(spec[`${kind}Name`] ?? kind, `${kind}Name`)
    const alias = kind === 'input' ? spec.inputAlias : undefined
    return [{ name, shape, begin: 0, size: elementCount(shape), alias }]
  }
  if (spec[`${kind}Name`] !== undefined) refuse(`${kind}Name`, `none beside ${kind}s`, spec[`${kind}Name`])
  if (!Array.isArray(several) || several.length === 0) refuse(`${kind}s`, 'a list of { name, shape }', several)
  let begin = 0
  const tensors = several.map((each: unknown, i): PlacedTensor => {
    const argument = `${kind}s[${i}]`
    const tensor = checkRecord(each, argument, 'an object { name, shape }')
    const name = checkName(tensor.name, `${argument}.name`)
    const shape = checkRowShape(tensor.shape, `${argument}.shape`)
    if (shape.length === 0) refuse(`${argument}.shape`, 'one dimension at least', shape)
    const placed = { name, shape, begin, size: elementCount(shape) }
    begin += placed.size
    return placed
  })
  const names = tensors.map(({ name }) => name)
  if (new Set(names).size < names.length) refuse(`${kind}s`, 'different names', names)
  if (elementCount(shape) !== begin) refuse(`${kind}Shape`, `[${begin}], the values of all ${kind}s`, shape)
  return tensors
}
