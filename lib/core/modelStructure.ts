/** The layers of a model: a chain, or a graph. */

import type { ArrayInput } from '../arrays/arrays.js'
import { deriveSeed, randomSeed } from '../base/seeds.js'
import { input } from '../layers/inputTensor.js'
import type { Layer, SymbolicTensor, Weight } from '../layers/layer.js'
import { hostsOf, type LayerHost } from '../layers/places.js'
import { type NamedGraph, traceGraph } from './graph.js'
import { type LayerStack, noLayers, placeLayers, stackGraph } from './layerStack.js'
import type { PlanSeeds } from './planLayers.js'
import type { ModelShapes, Naming } from './shapes.js'

/** The graph of a model, with the names of its inputs and outputs. */
export interface GivenGraph extends Naming {
  readonly inputs: readonly SymbolicTensor[]
  readonly outputs: readonly SymbolicTensor[]
  /** The names that the layers had in a file. */
  readonly names?: readonly string[] | undefined
}

/** The part of a model's state that knows its layers, and how they are connected. */
export abstract class ModelStructure implements LayerHost, PlanSeeds {
  readonly name: string
  /** The name that the user chose, if any. */
  readonly givenName: string | undefined
  seed: number
  /** Whether the user chose the seed. */
  readonly isSeeded: boolean
  /** Whether the model is a layer of a graph. */
  isPart = false
  #stack: LayerStack = noLayers
  /** The input and the outputs of layers, of a chain that is part of a graph. */
  #tensors: SymbolicTensor[] | undefined

  constructor(name: string | undefined, seed: number | undefined, defaultName: string) {
    this.name = name ?? defaultName
    this.givenName = name
    this.seed = seed ?? randomSeed()
    this.isSeeded = seed !== undefined
  }

  get stack(): LayerStack {
    return this.#stack
  }

  get layers(): readonly Layer[] {
    return this.#stack.layers
  }

  get shapes(): ModelShapes | undefined {
    return this.#stack.shapes
  }

  /** Makes the model of a graph. */
  setGraph({ inputs, outputs, names, ...naming }: GivenGraph): void {
    const { outputNames, outputForm } = naming
    const byName = outputForm === 'record' ? outputNames?.map((name, i) => [name, outputs[i]] as const) : undefined
    // Keras goes through the values of a dictionary by their sorted keys.
    const order = byName?.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, tensor]) => tensor as SymbolicTensor)
    this.adopt(stackGraph({ ...traceGraph(inputs, order ?? outputs), outputs }, naming, this, names))
  }

  /** The graph of the model. A chain of layers becomes one when it is first asked for. Throws `ERR_NOT_BUILT`. */
  graph(): NamedGraph {
    const { names, graph } = this.#stack
    if (graph !== undefined) return { ...graph, names }
    if (this.shapes === undefined) this.notBuilt()
    this.connect()
    const [input, ...tensors] = this.#tensors as [SymbolicTensor, ...SymbolicTensor[]]
    const traced = traceGraph([input], [tensors.at(-1) ?? input])
    const nameOf = (layer: Layer) => names[this.layers.indexOf(layer)] ?? 'input'
    return { ...traced, names: traced.layers.map(nameOf) }
  }

  connect(): void {
    if (this.#stack.graph !== undefined || this.shapes === undefined) return
    const tensors = this.#tensors ?? [input({ shape: this.shapes.inputShape })]
    for (const layer of this.layers.slice(tensors.length - 1))
      tensors.push(layer.apply(tensors.at(-1) as SymbolicTensor))
    this.#tensors = tensors
  }

  seedFor(layer: Layer, parameter: string): number {
    return deriveSeed(this.seed, this.placeOf(layer), parameter)
  }

  /** Of all models that have the layer, the first with a seed of the user's decides: it does not matter which one is used first. */
  initialSeed(layer: Layer, parameter: string): number {
    const hosts = hostsOf(layer)
    return (hosts.find((host) => host.isSeeded) ?? hosts[0] ?? this).seedFor(layer, parameter)
  }

  placeOf(layer: Layer): number {
    const { graph, layers, shapes } = this.#stack
    return graph === undefined ? layers.indexOf(layer) : (shapes?.layers.findIndex((of) => of.layer === layer) ?? 0)
  }

  protected abstract notBuilt(): never

  /** Takes over a new stack of layers. It changes nothing if it throws. */
  protected abstract adopt(stack: LayerStack): void

  abstract readWeights(layer?: Layer): Weight[]
  abstract writeWeights(layer: Layer | undefined, values: readonly ArrayInput[]): void
  abstract trainableChanges(): void
  abstract sharesLayer(layer: Layer): void

  protected replaceStack(stack: LayerStack): void {
    const before = this.#stack
    this.#stack = stack
    placeLayers(this, before, stack)
    const common = before.layers.findIndex((layer, i) => layer !== stack.layers[i])
    this.#tensors = this.#tensors?.slice(0, 1 + (common < 0 ? before.layers.length : common))
  }
}
