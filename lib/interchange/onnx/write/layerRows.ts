/** What each kind of layer is in ONNX: a row for each of `layerKinds`. */

import type { ActivationLayer, Softmax } from '../../../layers/activationLayers.js'
import { placesOf } from '../../../layers/axes.js'
import type { CategoryEncoding } from '../../../layers/categoryEncoding.js'
import type { Dense } from '../../../layers/dense.js'
import type { EmbeddingBag } from '../../../layers/embeddingBag.js'
import type { Layer } from '../../../layers/layer.js'
import type { Concatenate, Dot } from '../../../layers/merging.js'
import type { GlobalAveragePooling1D } from '../../../layers/pooling.js'
import type { Permute, RepeatVector } from '../../../layers/rearranging.js'
import type { Rescaling } from '../../../layers/rescaling.js'
import type { Slice, Take } from '../../../layers/slice.js'
import { activate } from './activationRows.js'
import { type CallSite, int } from './callSite.js'
import {
  batchNormalization,
  groupNormalization,
  layerNormalization,
  normalization,
  rmsNormalization,
  toUnit,
  unitNormalization,
} from './normalizationRows.js'
import type { Value } from './onnxGraph.js'

/** Adds the nodes of one call of a layer. */
type LayerRow<L extends Layer = never> = (site: CallSite<L>) => Value

/** A layer that does nothing outside of training. */
const nothing: LayerRow<Layer> = ({ input }) => input

const activation: LayerRow<ActivationLayer> = (site) => activate(site, site.x, site.layer.activation.op)

/** Adjacent axes are one while a softmax is computed along them. */
const softmax: LayerRow<Softmax> = (site) => {
  const { layer, shape, x } = site
  const places = placesOf(layer.axis, shape, layer.name)
  const begin = places[0] as number
  const { op } = layer.activation
  if (places.length === 1) return activate(site, x, op, begin + 1)
  const together = [...shape.slice(0, begin), -1, ...shape.slice(begin + places.length)]
  return site.reshape(activate(site, site.reshape(x, together), op, begin + 1), shape)
}

/** Gemm for rows of one dimension, and a product and a sum at every position for others. */
const dense: LayerRow<Dense> = (site) => {
  const { layer, x, shape } = site
  const kernel = site.weight('kernel')
  const product = () => site.plain('MatMul', x, kernel)
  const sum = () => {
    const bias = site.weight('bias')
    return shape.length === 1 ? site.plain('Gemm', x, kernel, bias) : site.plain('Add', product(), bias)
  }
  return activate(site, layer.useBias ? sum() : product(), layer.activation.op)
}

const categoryEncoding: LayerRow<CategoryEncoding> = (site) => {
  const { layer, shape } = site
  const bits = [site.indices, site.integer(layer.numTokens), site.floats([0, 1])]
  const each = site.node('OneHot', bits, { axis: int(-1) })
  if (layer.outputMode === 'oneHot' && shape.at(-1) !== 1) return each
  return site.reduce(layer.outputMode === 'count' ? 'ReduceSum' : 'ReduceMax', each, [shape.length], false)
}

const rescaling: LayerRow<Rescaling> = (site) => {
  // Lists are refused in models.
  const { scale, offset } = site.layer as { readonly scale: number; readonly offset: number }
  const scaled = site.plain('Mul', site.x, site.number(scale))
  return offset === 0 ? scaled : site.plain('Add', scaled, site.number(offset))
}

const pooling =
  (op: string): LayerRow<GlobalAveragePooling1D> =>
  (site) =>
    site.reduce(op, site.x, [1], site.layer.keepdims)

/** A merge of any number of tensors by an operator of two, or by another of as many as there are. */
const merge =
  (ofTwo: string, ofMore?: string): LayerRow =>
  (site: CallSite) => {
    const [first, ...others] = site.inputs.map((value) => site.asFloats(value)) as [Value, ...Value[]]
    if (others.length > 1 && ofMore !== undefined) return site.plain(ofMore, first, ...others)
    return others.reduce((sum, other) => site.plain(ofTwo, sum, other), first)
  }

const concatenate: LayerRow<Concatenate> = (site) => {
  const { layer, shape, inputs, input } = site
  const [place = 0] = placesOf(layer.axis, shape, layer.name)
  const alike = inputs.every(({ type }) => type === input.type)
  const values = alike ? inputs : inputs.map((value) => site.asFloats(value))
  return site.node('Concat', values, { axis: int(place + 1) }, (values[0] as Value).type)
}

const dot: LayerRow<Dot> = (site) => {
  const values = site.inputs.map((value) => site.asFloats(value))
  const [a, b] = site.layer.normalize ? values.map((value) => toUnit(site, value, [1])) : values
  return site.reduce('ReduceSum', site.plain('Mul', a as Value, b as Value), [1], true)
}

const slice: LayerRow<Slice> = (site) => {
  const { begin, size } = site.layer
  const [starts, ends, axes] = [[begin], [begin + size], [site.shape.length]].map((list) => site.integers(list))
  return site.node('Slice', [site.input, starts as Value, ends as Value, axes as Value], {}, site.input.type)
}

/** The vectors of padding are zeros in the file, and not counted. */
const embeddingBag: LayerRow<EmbeddingBag> = (site) => {
  const { inputDim, outputDim, paddingIndex, mode } = site.layer
  const ofBag = (op: 'ReduceSum' | 'ReduceMean', table: Value) =>
    site.reduce(op, site.plain('Gather', table, site.indices), [site.shape.length], false)
  if (paddingIndex === undefined) return ofBag(mode === 'sum' ? 'ReduceSum' : 'ReduceMean', site.weight('embeddings'))
  const withoutPadding = (name: string, size: number, numbers: Float32Array) => {
    const data = numbers.fill(0, paddingIndex * size, (paddingIndex + 1) * size)
    return site.constant(name, [inputDim, size], data)
  }
  const sum = ofBag('ReduceSum', withoutPadding('embeddings', outputDim, site.numbersOf('embeddings').slice()))
  if (mode === 'sum') return sum
  const counts = ofBag('ReduceSum', withoutPadding('counted', 1, new Float32Array(inputDim).fill(1)))
  return site.plain('Div', sum, site.plain('Max', counts, site.number(1)))
}

const take: LayerRow<Take> = (site) => {
  const { input, layer, shape } = site
  return site.node('Gather', [input, site.integers(layer.indices)], { axis: int(shape.length) }, input.type)
}

const repeatVector: LayerRow<RepeatVector> = (site) => {
  const row = site.plain('Unsqueeze', site.x, site.integers([1]))
  return site.plain('Tile', row, site.integers([1, site.layer.n, 1]))
}

const permute: LayerRow<Permute> = (site) =>
  site.transpose(
    site.x,
    site.layer.dims.map((dimension) => dimension - 1),
  )

/** The rows by the kinds of layers. */
export const layerRows: Readonly<Record<string, LayerRow>> = {
  Input: nothing,
  Dense: dense,
  Activation: activation,
  ReLU: activation,
  LeakyReLU: activation,
  ELU: activation,
  Softmax: softmax,
  Dropout: nothing,
  GaussianDropout: nothing,
  GaussianNoise: nothing,
  AlphaDropout: nothing,
  PReLU: (site: CallSite) => site.plain('PRelu', site.x, site.weight('alpha')),
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
  RMSNormalization: rmsNormalization,
  GroupNormalization: groupNormalization,
  Normalization: normalization,
  Embedding: (site: CallSite) => site.plain('Gather', site.weight('embeddings'), site.indices),
  EmbeddingBag: embeddingBag,
  UnitNormalization: unitNormalization,
  ActivityRegularization: nothing,
  Flatten: (site: CallSite) => site.node('Flatten', [site.input], { axis: int(1) }, site.input.type),
  Reshape: (site: CallSite) => site.reshape(site.input, site.outputShape),
  Permute: permute,
  RepeatVector: repeatVector,
  GlobalAveragePooling1D: pooling('ReduceMean'),
  GlobalMaxPooling1D: pooling('ReduceMax'),
  CategoryEncoding: categoryEncoding,
  Identity: nothing,
  Slice: slice,
  Take: take,
  Add: merge('Add', 'Sum'),
  Subtract: merge('Sub'),
  Multiply: merge('Mul'),
  Average: merge('Mean', 'Mean'),
  Maximum: merge('Max', 'Max'),
  Minimum: merge('Min', 'Min'),
  Concatenate: concatenate,
  Dot: dot,
  Rescaling: rescaling,
}
