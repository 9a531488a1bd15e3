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
  const id = Object.keys(layers).find((key) => key.toLowerCase() === kind.toLowerCase()) as keyof typeof layers
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

/** Compiles the model of a golden case and sets its weights by their names. */
export function prepare(golden: GoldenCase, { net }: GoldenGraph, optimizer: Optimizer, device: string): void {
  const { loss, metrics: plain = [], weighted_metrics: weighted = [] } = golden.config.compile
  const makeLoss = (name: string, options: object) =>
    (losses[camelCase(name) as keyof typeof losses] as (options: object) => Anything)(options)
  const makeMetric = (each: Anything, name?: string) =>
    typeof each === 'string'
      ? name === undefined
        ? each
        : metrics.accuracy({ name })
      : (metrics[each.class_name.toLowerCase() as keyof typeof metrics] as (options: object) => Anything)(
          optionsOf(each.config),
        )
  net.compile({
    optimizer,
    loss: typeof loss === 'string' ? loss : makeLoss(loss.class_name, optionsOf(loss.config)),
    metrics: plain.map((each: Anything) => makeMetric(each)),
    // Keras calls weighted metrics so where there is an unweighted one of the same name.
    weightedMetrics: weighted.map((each: Anything) => makeMetric(each, `weighted_${each}`)),
    device,
  })
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
