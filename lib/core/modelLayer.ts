/** Models as layers of other models. */

import { formatShape } from '../arrays/arrays.js'
import { NeurodeError } from '../base/errors.js'
import { refuse } from '../checks/validate.js'
import type { Layer, ParameterSpec, Shape, SymbolicTensor } from '../layers/layer.js'
import type { ModelCore } from './core.js'
import { GraphLayer, type NamedGraph } from './graph.js'
import { byOutput } from './heads.js'
import type { ModelShapes } from './shapes.js'

/**
 * A model as a layer of another, which {@link Model.apply} makes. Its weights are those of the model: training one changes both. In
 * the outer model they are called `model/layer/variable`.
 */
export class ModelLayer extends GraphLayer {
  /** The class of the model: `Sequential` or `Functional`. */
  readonly kind: string
  readonly #core: ModelCore

  /** @internal Takes a `ModelCore`, which is no part of the public types. */
  constructor(core: object, kind: string) {
    const { givenName } = core as ModelCore
    super(givenName === undefined ? {} : { name: givenName }, 'apply')
    this.#core = core as ModelCore
    this.kind = kind
  }

  /** The layers of the model, in order. */
  get layers(): readonly Layer[] {
    return this.#core.layers
  }

  /** Whether any layer of the model is trainable. Setting this sets all of them. */
  override get trainable(): boolean {
    return this.layers.some((layer) => layer.trainable)
  }

  override set trainable(value: boolean) {
    for (const layer of this.layers) layer.trainable = value
  }

  /** The shapes of the model, also if that was disposed: its layers live on in other models. */
  get #shapes(): ModelShapes {
    return this.#core.shapes ?? this.#core.built()
  }

  /** @internal */
  get core(): object {
    return this.#core
  }

  /** @internal */
  get graph(): NamedGraph {
    return this.#core.graph()
  }

  /** @internal */
  override get leaves(): readonly Layer[] {
    return this.#shapes.layers.map(({ layer }) => layer)
  }

  /** @internal */
  override outputsForAll(inputs: readonly Shape[]): readonly Shape[] {
    const [first] = inputs
    if (this.#core.shapes === undefined && inputs.length === 1) this.#core.build(first as Shape)
    const expected = this.graph.inputs
    const at = `model '${this.name}': apply`
    if (inputs.length !== expected.length) {
      const names = this.#shapes.inputs.map(({ name }) => `'${name}'`)
      refuse(at, `${expected.length === 1 ? 'one tensor' : `${expected.length} tensors, ${names.join(', ')}`}`, inputs)
    }
    expected.forEach(({ shape }, i) => {
      const got = formatShape(inputs[i] as Shape)
      if (formatShape(shape) === got) return
      const place = inputs.length === 1 ? at : `${at}[${i}]`
      throw new NeurodeError('ERR_SHAPE', `${place}: expected a tensor of shape ${formatShape(shape)}, got ${got}`)
    })
    this.#core.isPart = true
    return this.graph.outputs.map(({ shape }) => shape)
  }

  /** @internal */
  override arrange(outputs: readonly SymbolicTensor[]): unknown {
    return byOutput(this.#shapes, outputs)
  }

  protected override outputFor(): Shape {
    const text = `layer '${this.name}': expected a layer, got a model`
    throw new NeurodeError('ERR_ARGUMENT', `${text}; apply it to tensors, in a graph for model()`)
  }

  override parameters(): readonly ParameterSpec[] {
    return this.#shapes.layers.flatMap(({ name, parameters }) => {
      return parameters.map((parameter) => ({ ...parameter, name: `${name}/${parameter.name}` }))
    })
  }

  override config() {
    return {}
  }

  override plan(): undefined {
    return undefined
  }
}
