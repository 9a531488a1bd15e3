/** Makes layers, gives them names and remembers their weights. */

import { defaultName } from '../../base/names.js'
import type { FileArray } from '../../formats/npy.js'
import { layerKinds } from '../../layers/index.js'
import type { Layer, SymbolicTensor } from '../../layers/layer.js'
import type { Budget } from './budget.js'
import type { Constant } from './constants.js'
import { type Origin, problem } from './problem.js'

export interface Applying {
  /** The weights in the order of the layer's parameters. */
  readonly weights?: readonly Constant[]
  /** Constants after whose names the layer is called; default its weights. */
  readonly named?: readonly (Constant | undefined)[]
  readonly origin?: Origin | undefined
  /** Calls with the same key are calls of one layer. */
  readonly key?: string | undefined
}

export class LayerMaker {
  /** The weights of all layers by their names in the model. */
  readonly weights = new Map<string, FileArray>()
  readonly #names = new Set<string>()
  readonly #shared = new Map<string, Layer>()
  readonly #budget: Budget

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** Applies a layer of a kind to one tensor, or to several. */
  apply(
    kind: string,
    options: Readonly<Record<string, unknown>>,
    input: SymbolicTensor | readonly SymbolicTensor[],
    { weights = [], named = weights, origin, key }: Applying = {},
  ): SymbolicTensor {
    const known = key === undefined ? undefined : this.#shared.get(key)
    if (known !== undefined) return known.apply(input)
    const make = layerKinds[kind] as (options: object) => Layer
    const name = weights.length === 0 ? undefined : this.#free(nameOf(named, origin) ?? defaultName(kind))
    const layer = make(name === undefined ? options : { ...options, name })
    const output = layer.apply(input)
    if (key !== undefined) this.#shared.set(key, layer)
    const [first] = [input].flat() as [SymbolicTensor]
    const parameters = layer.parameters(first.shape)
    if (parameters.length !== weights.length) problem(`layer '${layer.name}' has ${parameters.length} weights`)
    for (const [i, { name: parameter, shape }] of parameters.entries()) {
      const { data } = weights[i] as Constant
      const count = shape.reduce((product, size) => product * size, 1)
      if (data.length !== count) problem(`expected ${count} numbers as ${parameter}, got ${data.length}`)
      this.#budget.countWeights(count)
      const floats = data instanceof Float32Array ? data : Float32Array.from(data)
      this.weights.set(`${layer.name}/${parameter}`, { data: floats, shape, dtype: 'float32' })
    }
    return output
  }

  /** A name that no other layer has. */
  #free(wished: string): string {
    let name = wished
    for (let i = 1; this.#names.has(name); i++) name = `${wished}_${i}`
    this.#names.add(name)
    return name
  }
}

const ofWeight = /^(.+)[./](?:weight|kernel|bias|gamma|beta|scale|embeddings|alpha|running_mean|moving_mean)(?::0)?$/
const ofNode = /(?:^|\/)([A-Za-z0-9][^/]*)\/[A-Z][A-Za-z]*(?:_\d+)?$/

/** The name that a layer has in the program that wrote the file, as far as names of weights or of the node tell. */
function nameOf(weights: readonly (Constant | undefined)[], origin: Origin | undefined): string | undefined {
  const found = weights.map((weight) => ofWeight.exec(weight?.name ?? '')?.[1]).find((name) => name !== undefined)
  const name = found ?? ofNode.exec(origin?.name ?? '')?.[1]
  return name !== undefined && name.length <= 100 ? name : undefined
}
