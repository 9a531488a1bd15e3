/** The tensors of a model as clients see them. */

import type { ModelCore } from '../../core/core.js'
import type { InputType } from '../../layers/types.js'
import type { NamedTensor } from '../protocol/tensorSpec.js'

/** A tensor of a model's requests or answers. */
export interface TensorDescription extends NamedTensor {
  /** Its type in the Open Inference Protocol. Requests may have others. */
  readonly datatype: string
}

const datatypes: Readonly<Record<InputType, string>> = { float32: 'FP32', uint8: 'UINT8', int32: 'INT32' }

/** The tensors of a model. If there is one, it is called `input` or `output`, whatever its name in the graph, and is `FP32`. */
export function describeTensors(core: ModelCore): Readonly<Record<'inputs' | 'outputs', readonly TensorDescription[]>> {
  const { inputs, heads } = core.built()
  const types = core.stack.graph?.inputs.map(({ dtype }) => datatypes[dtype])
  return {
    inputs: withName('input', inputs, types),
    outputs: withName('output', heads, undefined),
  }
}

function withName(only: string, tensors: readonly NamedTensor[], types: readonly string[] | undefined) {
  const isOne = tensors.length === 1
  return tensors.map(({ name, shape }, i): TensorDescription => {
    return { name: isOne ? only : name, datatype: isOne ? 'FP32' : (types?.[i] ?? 'FP32'), shape }
  })
}
