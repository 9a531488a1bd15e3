/** Gradients of a model's inputs, by the names of the inputs. */

import { elementCount, type NdArray } from '../arrays/arrays.js'
import { ShapedArray } from '../arrays/shapedArray.js'
import { NeurodeError } from '../base/errors.js'
import type { ModelCore } from '../core/core.js'
import type { LayerCall, LayerShapes, ModelShapes } from '../core/shapes.js'
import { copyColumns } from './columns.js'

/** The gradient of the only input, or a record of those of several, without inputs of integers, which have none. */
export type GradientsOfInputs = NdArray<Float32Array> | Readonly<Record<string, NdArray<Float32Array>>>

/** Throws `ERR_ARGUMENT` for a model all of whose inputs are integers. */
export function checkInputs(core: ModelCore): void {
  const { inputs } = core.built()
  const readers = readersOfIntegers(core.built())
  if (readers.size < inputs.length) return
  const [[number, reader] = [0, '']] = readers
  const text = `inputs: expected an input that has a gradient, got '${inputs[number]?.name}'`
  throw new NeurodeError('ERR_ARGUMENT', `${text}, whose integers layer '${reader}' reads; give inputs: false`)
}

/** Arrays of the gradients of rows of all inputs side by side; those in `into`, by name, or new ones. */
export function splitInputs(
  core: ModelCore,
  all: Float32Array,
  rows: number,
  into: ReadonlyMap<string, Float32Array>,
): GradientsOfInputs {
  const { inputs, inputSize } = core.built()
  const readers = readersOfIntegers(core.built())
  const [only, ...others] = inputs as readonly [ModelShapes['inputs'][number]]
  if (others.length === 0) {
    const own = into.get(only.name)
    own?.set(all)
    return new ShapedArray(own ?? all, [rows, ...only.shape])
  }
  let begin = 0
  const entries: [string, NdArray<Float32Array>][] = []
  for (const [number, { name, shape }] of inputs.entries()) {
    const size = elementCount(shape)
    if (!readers.has(number)) {
      const own = into.get(name) ?? new Float32Array(rows * size)
      copyColumns({ data: all, stride: inputSize, begin }, { data: own, stride: size, begin: 0 }, size)
      entries.push([name, new ShapedArray(own, [rows, ...shape])])
    }
    begin += size
  }
  return Object.fromEntries(entries)
}

/** The numbers of the inputs that are integers, also in part, each with the name of a layer that reads them. */
export function readersOfIntegers({ inputs, calls, layers }: ModelShapes): ReadonlyMap<number, string> {
  const readers = new Map<number, string>()
  for (const { at, from } of calls) {
    const { layer, name } = layers[at] as LayerShapes
    if (layer.integersBelow === undefined) continue
    const ways = [...from]
    for (let number = ways.pop(); number !== undefined; number = ways.pop()) {
      if (number < inputs.length) readers.set(number, name)
      else ways.push(...(calls[number - inputs.length] as LayerCall).from)
    }
  }
  return readers
}
