/** The inputs of graphs. */

import { refuseMore } from '../checks/arity.js'
import { checkName, checkOptions, checkRowShape, lookUp, nameTable } from '../checks/validate.js'
import type { Shape } from './layer.js'
import { callLayer, type SymbolicTensor } from './layer.js'
import { Input } from './shaping.js'
import type { InputType } from './types.js'

const types = nameTable<InputType>(['float32', 'uint8', 'int32'], () => [])

/** Options of {@link input}. */
export interface InputTensorOptions<In extends Shape = Shape> {
  /** Shape of one row: positive integers. */
  readonly shape: In
  /** Name of the input; default: `input` with a number, such as `input_1`. */
  readonly name?: string | undefined
  /**
   * What the numbers are, for whoever reads the graph: `float32` (default), `uint8` for bytes, or `int32` for integers such as the
   * indices of an embedding. Data may be arrays of any type: layers compute in float32.
   */
  readonly dtype?: InputType | undefined
}

/**
 * Makes an input of a graph: a tensor without numbers, to which layers are applied. See {@link model}.
 *
 * Throws `ERR_ARGUMENT` for a shape that is no list of positive integers, `ERR_UNKNOWN_NAME` for another dtype.
 *
 * @example
 * ```ts
 * import { input, layers, model } from 'neurode'
 *
 * const x = input({ shape: [4], name: 'x' })
 * const net = model({ inputs: x, outputs: layers.dense({ units: 1 }).apply(x) })
 * ```
 */
export function input<const In extends Shape>(options: InputTensorOptions<In>): SymbolicTensor<In>
export function input<const In extends Shape>(options: InputTensorOptions<In>, ...more: unknown[]): SymbolicTensor<In> {
  refuseMore(more, 1, 'input')
  const { shape, name, dtype = 'float32' } = checkOptions(options, ['shape', 'name', 'dtype'], 'input')
  checkRowShape(shape, 'input: shape')
  const layer = new Input({ shape, ...(name === undefined ? {} : { name: checkName(name, 'input: name') }) })
  const [tensor] = callLayer(layer, [], [layer.inputShape as In], lookUp(types, dtype, 'input: dtype'))
  return tensor as SymbolicTensor as SymbolicTensor<In>
}
