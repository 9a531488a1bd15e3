/** The network of a table: layers between its inputs and one output. */

import type { Activation, ActivationName } from '../layers/activations.js'
import { layers } from '../layers/index.js'
import { initializers } from '../layers/initializers.js'
import { input } from '../layers/inputTensor.js'
import type { SymbolicTensor } from '../layers/layer.js'
import { type Functional, model } from '../models/functional.js'
import type { CodeBlock, Layout } from './layout.js'

/** What decides the layers. */
export interface NetworkOptions {
  readonly hidden: readonly number[]
  readonly activation: ActivationName | Activation
  readonly dropout: number
  readonly seed: number | undefined
  /** The number of classes; undefined for a regression. */
  readonly classes: number | undefined
}

/**
 * The first layer adds up what all columns contribute: a product of scaled numbers and one-hot categories, and rows of a table of
 * vectors for columns of many words. That is the product with one-hot words, without the zeros.
 */
export function makeNetwork(
  layout: Layout,
  { hidden, activation, dropout, seed, classes }: NetworkOptions,
): Functional {
  const inputs: Record<string, SymbolicTensor> = {}
  const dense: SymbolicTensor[] = []
  const { scalings, categories, words, texts } = layout
  if (scalings.length > 0) {
    const [mean, variance] = [scalings.map((each) => each.mean), scalings.map((each) => each.variance)]
    inputs.numbers = input({ shape: [scalings.length], name: 'numbers' })
    dense.push(layers.normalization({ mean, variance, name: 'scaled' }).apply(inputs.numbers))
  }
  if (categories.size > 0) {
    inputs.categories = input({ shape: [categories.places.length], name: 'categories', dtype: 'int32' })
    dense.push(layers.categoryEncoding({ numTokens: categories.size, name: 'one_hot' }).apply(inputs.categories))
  }
  if (texts.length > 0) {
    inputs.texts = input({ shape: [texts.length], name: 'texts', dtype: 'int32' })
    const counts = layers
      .categoryEncoding({ numTokens: texts.size, outputMode: 'count', name: 'counts' })
      .apply(inputs.texts)
    // Code 0 is no word: it fills up short texts.
    dense.push(layers.slice({ begin: 1, size: texts.size - 1 }).apply(counts))
  }
  const output = { units: classes ?? 1, activation: classes === undefined ? ('linear' as const) : ('softmax' as const) }
  const shapes = [...hidden.map((units) => ({ units, activation })), output]
  const [first, ...others] = shapes as [(typeof shapes)[number], ...typeof shapes]
  const sums: SymbolicTensor[] = []
  if (dense.length > 0) {
    const joined = dense.length === 1 ? (dense[0] as SymbolicTensor) : layers.concatenate().apply(dense)
    sums.push(layers.dense({ units: first.units, name: 'columns' }).apply(joined))
  }
  if (words.size > 0) {
    const count = words.places.length
    inputs.words = input({ shape: [count], name: 'words', dtype: 'int32' })
    sums.push(
      sumOf(words, inputs.words, first.units, scalings.length + categories.places.length + count + texts.places.length),
    )
  }
  const sum = sums.length === 1 ? (sums[0] as SymbolicTensor) : layers.add().apply(sums)
  let last: SymbolicTensor = layers.activation(first.activation).apply(sum)
  for (const { units, activation } of others) {
    if (dropout > 0) last = layers.dropout({ rate: dropout }).apply(last)
    last = layers.dense({ units, activation }).apply(last)
  }
  const net = model({ inputs, outputs: last, seed }) as Functional
  const before = scalings.length + categories.size
  const unseen = [
    ...categories.unseen.map((code) => scalings.length + code),
    ...texts.unseen.map((code) => before + code - 1),
  ]
  clear(net, 'columns', unseen)
  clear(net, 'vectors', words.unseen)
  return net
}

/** The sum of the vectors of a row's words; vectors begin as rows of a kernel would that as many columns share. */
function sumOf(words: CodeBlock, from: SymbolicTensor, units: number, columns: number): SymbolicTensor {
  const limit = Math.sqrt(6 / (columns + units))
  const embeddingsInitializer = initializers.randomUniform({ minval: -limit, maxval: limit })
  const options = {
    inputDim: words.size,
    outputDim: units,
    embeddingsInitializer,
    mode: 'sum',
    name: 'vectors',
  } as const
  return layers.embeddingBag(options).apply(from)
}

/** Sets weights to 0 that no row could teach: those of codes that were in none. */
function clear(net: Functional, layer: string, unseen: readonly number[]): void {
  if (unseen.length === 0) return
  const weights = net.getWeights()
  const at = weights.findIndex(({ name }) => name.startsWith(`${layer}/`))
  const kernel = weights[at] as (typeof weights)[number]
  const units = kernel.shape[1] as number
  const data = kernel.data.slice()
  for (const row of unseen) data.fill(0, row * units, (row + 1) * units)
  net.setWeights(weights.map((weight, i) => (i === at ? { data, shape: weight.shape } : weight)))
}
