/** Builds the graphs of the golden files through the public API. */

import {
  type ArrayInput,
  array,
  Functional,
  input,
  type Layer,
  layers,
  losses,
  metrics,
  model,
  type Optimizer,
  optimizers,
  Sequential,
  type SymbolicTensor,
  sequential,
  type Tensors,
} from 'neurode'
import { type GoldenCase, shapeOf } from './golden.js'
import { activationOf, camelCase, optionsOf } from './keras.js'

// biome-ignore lint/suspicious/noExplicitAny: what a golden file says of a model.
type Anything = any

export interface GoldenGraph {
  readonly net: Functional
  /** Every tensor by its name. */
  readonly tensors: ReadonlyMap<string, SymbolicTensor>
}

/** The key of a class of Keras in an object of factories. */
const keyOf = (factories: object, name: string) =>
  Object.keys(factories).find((key) => key.toLowerCase() === name.toLowerCase())

/** Makes the layer, or the nested model, of a node. */
function makePart(node: Anything, change: (options: Anything) => Anything): Layer | Sequential | Functional {
  const { name, class_name: kind, config } = node
  if (kind === 'Functional') return makeNet(config, name, change).net
  if (kind === 'Sequential') {
    const nested = sequential(
      config.layers.map((each: Anything) => makePart({ ...each, name: each.config.name }, change) as Layer),
      { name },
    )
    return nested
  }
  const id = keyOf(layers, kind) as keyof typeof layers
  const { activation, ...options } = change(optionsOf(config))
  const given = activation === undefined ? options : { ...options, activation: activationOf(activation) }
  return (layers[id] as (options: Anything) => Layer)({ ...given, name })
}

function makeNet(config: Anything, name: string | undefined, change: (options: Anything) => Anything): GoldenGraph {
  const tensors = new Map<string, SymbolicTensor>()
  for (const { name, shape, dtype } of config.inputs) tensors.set(name, input({ name, shape, dtype }))
  const parts = new Map<string, Layer | Sequential | Functional>()
  for (const node of config.nodes) {
    const part = node.layer === undefined ? makePart(node, change) : parts.get(node.layer)
    parts.set(node.name, part as Layer)
    const from = node.inputs.map((source: string) => tensors.get(source))
    const isNested = part instanceof Sequential || part instanceof Functional
    const returned: Anything = (part as Layer).apply(from.length === 1 ? from[0] : from)
    if (isNested && node.config?.trainable === false) part.trainable = false
    tensors.set(node.name, returned)
    if (Array.isArray(returned)) for (const [k, tensor] of returned.entries()) tensors.set(`${node.name}:${k}`, tensor)
  }
  const named = (names: readonly string[]) => names.map((each) => tensors.get(each) as SymbolicTensor)
  const inputs = named(config.inputs.map(({ name }: Anything) => name))
  const to = named(Object.values(config.outputs))
  const keys = Object.keys(config.outputs)
  const outputs = Array.isArray(config.outputs) ? to : Object.fromEntries(keys.map((key, i) => [key, to[i]]))
  const net: unknown = model({ inputs, outputs: outputs as Tensors, name })
  return { net: net as Functional, tensors }
}

/** Makes the model of a golden case, with its weights. `change` may change the options of layers. */
export function makeGraph(golden: GoldenCase, change = (options: Anything) => options): GoldenGraph {
  return makeNet(golden.config, undefined, change)
}

/** Makes what a list, or a record of other things than a class, has for each output. */
function forEach(given: Anything, make: (each: Anything) => Anything): Anything {
  if (Array.isArray(given)) return given.map((each) => forEach(each, make))
  if (typeof given !== 'object' || given === null || 'class_name' in given) return given === null ? null : make(given)
  return Object.fromEntries(Object.entries(given).map(([name, each]) => [name, forEach(each, make)]))
}

/** Compiles the model of a golden case and sets its weights by their names. */
export function prepare(golden: GoldenCase, { net }: GoldenGraph, optimizer: Optimizer, device: string): void {
  const { loss, loss_weights: lossWeights, metrics: plain, weighted_metrics: weighted } = golden.config.compile
  const makeLoss = (each: Anything) =>
    each === null || typeof each === 'string'
      ? each
      : (losses[camelCase(each.class_name) as keyof typeof losses] as (options: object) => Anything)(
          optionsOf(each.config),
        )
  const makeMetric = (each: Anything, name?: string) =>
    typeof each === 'string'
      ? name === undefined
        ? each
        : metrics.accuracy({ name })
      : (metrics[keyOf(metrics, each.class_name) as keyof typeof metrics] as (options: object) => Anything)(
          optionsOf(each.config),
        )
  const isSeveral = Object.keys(golden.config.outputs).length > 1
  // Keras calls weighted metrics so where there is an unweighted one of the same name.
  const makeWeighted = (each: Anything) => makeMetric(each, isSeveral ? undefined : `weighted_${each}`)
  net.compile({
    optimizer,
    loss: forEach(loss, makeLoss),
    ...(lossWeights === undefined ? {} : { lossWeights }),
    metrics: forEach(plain ?? [], (each) => makeMetric(each)),
    weightedMetrics: forEach(weighted ?? [], makeWeighted),
    device,
  } as Anything)
  setWeights(golden, net)
}

/** Sets the weights of a golden case by their names. */
export function setWeights(golden: GoldenCase, net: Functional): void {
  const given = new Map<string, Anything>(golden.inputs.weights.map((weight: Anything) => [weight.name, weight.value]))
  net.setWeights(net.getWeights().map((weight) => (given.has(weight.name) ? array(given.get(weight.name)) : weight)))
}

export function optimizerOf(described: Anything): Optimizer {
  const make = optimizers[described.class_name.toLowerCase() as keyof typeof optimizers]
  return (make as (options: object) => Optimizer)(optionsOf(described.config))
}

/** The rows `from` to `to` of the targets: of the only output, or in a list or a record of those of several. */
export function targetsOf({ config }: GoldenCase, y: Anything, from = 0, to?: number): Anything {
  const part = (rows: Anything[]) => array(rows.slice(from, to), shapeOf(rows.slice(from, to)))
  if (Object.keys(config.outputs).length === 1) return part(y)
  if (Array.isArray(y)) return y.map(part)
  return Object.fromEntries(Object.entries(y).map(([name, rows]) => [name, part(rows as Anything[])]))
}

/** Number of rows of targets. */
export function rowsOfTargets({ config }: GoldenCase, y: Anything): number {
  return Object.keys(config.outputs).length === 1 ? y.length : (Object.values(y)[0] as Anything[]).length
}

/** The weights of the rows `from` to `to`: for all outputs, or in a list with those of each. */
export function sampleWeightOf(weights: Anything, from = 0, to?: number): Anything {
  if (weights === undefined || weights === null) return undefined
  return Array.isArray(weights[0])
    ? weights.map((each: Anything[]) => each && array(each.slice(from, to)))
    : array(weights.slice(from, to))
}

/** The rows `from` to `to` of the data of every input, by name. */
export function inputsOf(x: Anything, from = 0, to?: number): Record<string, ArrayInput> {
  return Object.fromEntries(
    Object.entries(x).map(([name, rows]) => {
      const part = (rows as Anything[]).slice(from, to)
      return [name, array(part, shapeOf(part))]
    }),
  )
}

/**
 * Whether an embedding is trained. Keras on TensorFlow adds up the squares of the gradients of an index that occurs twice in a batch,
 * where Adam elsewhere, and here, takes the square of their sum: golden-embeddings.test.ts compares its steps.
 */
export const learnsVectors = (config: Anything): boolean =>
  config.nodes.some((node: Anything) => node.class_name === 'Embedding' && node.config.trainable !== false)
